import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bar, drawing, label } from "./svg.ts";

const FIGURES = join(import.meta.dirname, "..", "..", "..", "docs", "figures");

/** What `npm run bench:keep` has kept of a bench. */
interface Figures {
  readonly machine: string;
  readonly date: string;
  readonly rows: readonly {
    readonly name: string;
    readonly lines: readonly { readonly id: string; readonly median: number; readonly ofBaseline: number }[];
  }[];
}

interface Chart {
  readonly title: string;
  readonly figures: Figures;
  /** Rows of the figures, and what is said of them. */
  readonly rows: readonly { readonly name: string; readonly head: string }[];
  /** Programs by ID, and what is said of them; the first one is Causeway. */
  readonly programs: Readonly<Record<string, string>>;
  readonly value: (line: Figures["rows"][number]["lines"][number]) => number;
  /** Of a value. */
  readonly format: (value: number) => string;
}

const WIDTH = 860;
const LEFT = 330;
const LINE = 22;
const HEAD = 34;

/** How long pods wait for their network, and for its end. */
export function drawCommandsChart(): string {
  return drawChart({
    title: "How long ADD and DEL take with Causeway and with other plugins, in milliseconds",
    figures: readFigures("commands"),
    rows: [
      { name: "ADD, one by one", head: "One pod starts" },
      { name: "ADD, 100 at once, total", head: "100 pods start at once" },
      { name: "DEL, 100 at once, total", head: "100 pods end at once" },
    ],
    programs: {
      causeway: "Causeway",
      kindnet: "kindnet's conflist",
      flannel: "flannel's conflist",
      "newest-masq": "bridge 1.9.1, host-local, ipMasq",
      floor: "raw netlink: the kernel's work alone",
    },
    value: ({ median }) => median,
    format: (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`,
  });
}

/** What network policies cost packets. */
export function drawPolicyChart(): string {
  return drawChart({
    title: "What network policies cost packets, as a multiple of a node without policies",
    figures: readFigures("policy"),
    rows: [
      {
        name: "new connection, request and response",
        head: "A new connection with a request and its answer",
      },
      { name: "datagram", head: "A small datagram of a connection that is there" },
    ],
    programs: {
      thousand: "Causeway, 1,000 policies, 20,000 peers",
      one: "Causeway, 1 policy",
      cluster: "Causeway, 100 ClusterNetworkPolicies of 25 rules",
      "by-hand": "1,000 policies by hand, a rule for each",
      none: "no policy",
    },
    value: ({ ofBaseline }) => ofBaseline,
    format: (value) => `${value.toFixed(2)} ×`,
  });
}

function readFigures(name: string): Figures {
  return JSON.parse(readFileSync(join(FIGURES, `${name}.json`), "utf8")) as Figures;
}

/** Bars of one row below its head; each row has a scale of its own, from zero. */
function drawChart({ title, figures, rows, programs, value, format }: Chart): string {
  const ids = Object.keys(programs);
  const rowHeight = HEAD + ids.length * LINE + 10;
  const parts = rows.flatMap(({ name, head }, index) => {
    const lines = figures.rows.find((row) => row.name === name)?.lines ?? [];
    const valueOf = (id: string): number => {
      const line = lines.find((each) => each.id === id);
      if (line === undefined) throw new Error(`Cannot draw "${name}": there are no figures of "${id}"`);
      return value(line);
    };
    const most = Math.max(...ids.map(valueOf));
    const top = 20 + index * rowHeight;
    return [
      `<text class="head" x="20" y="${top + 16}">${head}</text>`,
      ...ids.flatMap((id, line) => {
        const y = top + HEAD + line * LINE;
        const width = ((WIDTH - LEFT - 110) * valueOf(id)) / most;
        const isOwn = (programs[id] ?? "").startsWith("Causeway");
        return [
          label([LEFT - 10, y + 11], programs[id] ?? "", "end"),
          bar([LEFT, y], { width, text: format(valueOf(id)), isOwn }),
        ];
      }),
    ];
  });
  const height = 20 + rows.length * rowHeight + 30;
  const origin = label([20, height - 14], `${figures.machine}; ${figures.date}`);
  return drawing({ width: WIDTH, height, title, parts: [...parts, origin] });
}
