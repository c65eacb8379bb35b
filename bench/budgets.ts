import { KINDS, rowName } from "./datapath/traffic.ts";
import type { Budget } from "./judge.ts";
import { BUDGET_PODS } from "./options.ts";

const CAUSEWAY = "causeway";
const WITH_MASQUERADE = ["bookworm-masq", "newest-masq"] as const;

const ADD = "ADD, one by one";
const DEL = "DEL, one by one";

/** What the project has promised of ADD and DEL. Rows and programs are those of bench/main.ts. */
export const COMMAND_BUDGETS: readonly Budget[] = [
  { row: "VERSION, one by one", program: CAUSEWAY, of: "floor", atMost: 2 },
  { row: ADD, program: CAUSEWAY, of: "floor", atMost: 2 },
  // The slowest of a hundred tells more of the machine: raw netlink's is up to 35 times its median while others use it.
  {
    row: ADD,
    program: CAUSEWAY,
    of: CAUSEWAY,
    statistic: "p99",
    atMost: 4,
    headRoom: Number.POSITIVE_INFINITY,
  },
  { row: ADD, program: "causeway-ports", of: CAUSEWAY, atMost: 2 },
  { row: DEL, program: CAUSEWAY, of: "floor", atMost: 1.25 },
  {
    row: "ADD, with attachments on the node",
    program: "causeway-with-500",
    of: "causeway-with-10",
    atMost: 1.2,
  },
  ...WITH_MASQUERADE.flatMap((of) => [
    { row: ADD, program: CAUSEWAY, of, atMost: 1 / 15 },
    { row: `ADD, ${BUDGET_PODS} at once, total`, program: CAUSEWAY, of, atMost: 1 / 20 },
    { row: `DEL, ${BUDGET_PODS} at once, total`, program: CAUSEWAY, of, atMost: 1 / 35 },
  ]),
];

/** Whoever gives 0.95 of the traffic takes so many times the time for each byte, round trip or datagram. */
const NEARLY_AS_MUCH = 1 / 0.95;

/**
 * Between two pods of a node a packet passes the bridge twice and the host's IP stack between, on purpose (docs/dataplane.md): a bridge does the
 * first alone, ptp the second. So the promise is missed there, by up to half; the gate sees to it that it does not become more.
 */
const ROUTED_ON_A_BRIDGE = 2;

const TRAFFIC_BUDGETS: readonly Budget[] = KINDS.flatMap(({ text }) => [
  sameNode(text, "ptp"),
  sameNode(text, "bridge"),
  { row: rowName("across nodes", text), program: CAUSEWAY, of: "bridge", atMost: NEARLY_AS_MUCH },
  { row: rowName("outside", text), program: CAUSEWAY, of: "bridge", atMost: NEARLY_AS_MUCH },
  {
    row: rowName("across nodes, VXLAN", text),
    program: "causeway-vxlan",
    of: "bridge-vxlan",
    atMost: NEARLY_AS_MUCH,
  },
  { row: rowName("across nodes", text), program: "causeway-5000", of: CAUSEWAY, atMost: NEARLY_AS_MUCH },
  { row: rowName("across nodes", text), program: "causeway-ports", of: CAUSEWAY, atMost: NEARLY_AS_MUCH },
]);

/**
 * All guards of a node against its pods together, where they weigh most. Both are the same bridge in the same rounds, which differ by less than two
 * programs do.
 */
const GUARDS_BUDGETS: readonly Budget[] = KINDS.filter(({ kind }) => kind === "udp").map(({ text }) => ({
  row: rowName("same node", text),
  program: CAUSEWAY,
  of: "causeway-unguarded",
  atMost: NEARLY_AS_MUCH,
  headRoom: 1.1,
}));

/** What the project has promised of traffic. Rows and programs are those of bench/datapath/main.ts. */
export const DATAPATH_BUDGETS: readonly Budget[] = [...TRAFFIC_BUDGETS, ...GUARDS_BUDGETS];

function sameNode(text: string, of: string): Budget {
  const row = rowName("same node", text);
  return { row, program: CAUSEWAY, of, atMost: NEARLY_AS_MUCH, headRoom: ROUTED_ON_A_BRIDGE };
}

export const FOOTPRINT_BUDGETS: readonly Budget[] = [
  { row: "start to ready", program: "full", of: "none", atMost: 2 },
];
