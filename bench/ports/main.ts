import { loadNative } from "../../agent/kernel/socket/native.ts";
import { portSetElement } from "../../agent/kernel/nft/elements/port-elements.ts";
import { createNetlinkClient } from "../../agent/kernel/socket/netlink-client.ts";
import { NETLINK_NETFILTER } from "../../agent/netlink/nft/nft-generation.ts";
import { formatPortElement, type PortBinding, planPortElements } from "../../agent/plan/pods/host-ports.ts";
import { planRuleset } from "../../agent/plan/rules/ruleset.ts";
import { formatRuleset } from "../../agent/plan/nft/format-table.ts";
import { TABLE_NAME } from "../../agent/plan/nft/nft-table.ts";
import { parseCidr } from "../../agent/net/cidr.ts";
import { changeElements } from "../../agent/netlink/nft/nft-elements.ts";
import { startCauseway } from "../causeway.ts";
import { launch } from "../launch.ts";
import { describeMachine, enterMachine, type Host, ip, makeHost, run } from "../machine.ts";
import type { Program } from "../program.ts";
import { median } from "../statistics.ts";

const POD_CIDR = "10.244.0.0/22";

/** Each has two ports. */
const PODS = 500;
const SAMPLE = 50;
const ROUNDS = 3;
const CONNECTIONS = 15_000;
const CHANGES = 100;

enterMachine();
ip(["route add local 198.18.0.0/15 dev lo"]);
const host = makeHost("ports", 0, PODS);
const causeway = await startCauseway({ id: "ports", host, podCIDRs: [POD_CIDR], ports: 2 });
try {
  const few: number[] = [];
  const many: number[] = [];
  const addFew: number[] = [];
  const addMany: number[] = [];
  let sent = 0;
  const connect = (): number => {
    const nanoseconds = flood(host, sent);
    sent += CONNECTIONS;
    return nanoseconds / CONNECTIONS;
  };
  runAll(causeway, "ADD", [0]);
  silence(host);
  connect();
  runAll(causeway, "DEL", [0]);
  for (let round = 0; round < ROUNDS; round++) {
    const times = runAll(
      causeway,
      "ADD",
      Array.from({ length: PODS }, (_, pod) => pod),
      (pod) => {
        if (pod === 0) few.push(connect());
      },
    );
    many.push(connect());
    addFew.push(...times.slice(1, SAMPLE + 1));
    addMany.push(...times.slice(-SAMPLE));
    runAll(
      causeway,
      "DEL",
      Array.from({ length: PODS }, (_, pod) => pod),
    );
  }
  const changes = await measureChanges();
  const ports = (PODS * 2).toLocaleString("en");
  const row = (name: string, a: number, b: number, unit: string): string =>
    `${name.padEnd(62)}${a.toFixed(2).padStart(8)} ${b.toFixed(2).padStart(8)} ${unit}  ${(b / a).toFixed(2)} ×`;
  console.log(
    [
      `${"median".padEnd(62)}${"2 ports".padStart(8)} ${ports.padStart(8)}`,
      row(
        `a new connection through a host port (${CONNECTIONS} × ${ROUNDS})`,
        median(few) / 1e3,
        median(many) / 1e3,
        "µs",
      ),
      row("ADD with 2 host ports, with so many there already", median(addFew), median(addMany), "ms"),
      "",
      row(
        "2 ports added and deleted: nfnetlink, and the nft program",
        changes.netlinkMs,
        changes.programMs,
        "ms",
      ),
      "",
      `Machine: ${describeMachine()}.`,
    ].join("\n"),
  );
} finally {
  await causeway.close();
}

/** Runs a command for pods one after the other; gives the milliseconds of each. */
function runAll(
  program: Program,
  command: "ADD" | "DEL",
  pods: readonly number[],
  onDone: (pod: number) => void = () => undefined,
): number[] {
  // Deleted links cost a grace period each, which those that come together share.
  if (command === "DEL") {
    const runs = pods.map((pod) => program.run(command, pod));
    launch({ netns: program.host.netns, concurrency: Math.min(pods.length, 100), runs });
    return [];
  }
  return pods.map((pod) => {
    const [time] = launch({
      netns: program.host.netns,
      concurrency: 1,
      runs: [program.run(command, pod)],
    });
    onDone(pod);
    return ((time?.endNs ?? Number.NaN) - (time?.startNs ?? Number.NaN)) / 1e6;
  });
}

/** The first pod hears nothing: no answer is to be part of what is measured. */
function silence({ podNetns: [pod = ""] }: Host): void {
  const rules =
    "table inet silence { chain input { type filter hook input priority -300; udp dport 80 drop; }; }";
  run(["ip", "netns", "exec", pod, "nft", rules]);
}

/** Nanoseconds of so many new connections to the first pod's port. */
function flood({ address }: Host, first: number): number {
  const program = new URL("../../dist/bench/flood", import.meta.url).pathname;
  return Number(run([program, address, "20000", String(CONNECTIONS), String(first)]));
}

/** Milliseconds for adding and deleting the elements of one pod, in our own namespace. */
async function measureChanges(): Promise<{ readonly netlinkMs: number; readonly programMs: number }> {
  const cidr = parseCidr(POD_CIDR);
  const podCidrs = cidr === undefined ? [] : [cidr];
  const masquerade = { families: [], randomPorts: true };
  const input = {
    bridge: "cw0",
    podCidrs,
    insideCidrs: [],
    masquerade,
    serviceAddresses: [],
    overlay: undefined,
  };
  run(["nft", "-f", "-"], formatRuleset(planRuleset(input)));
  const hostPorts = (["tcp", "udp"] as const).map((protocol) => {
    return { protocol, hostPort: 8080, containerPort: 80, hostIp: undefined };
  });
  const binding: PortBinding = {
    hostLink: "cwaaaaaaaaaaaaa",
    containerId: "c".repeat(64),
    addresses: ["10.244.0.7"],
    hostPorts,
  };
  const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
  const text = (verb: string): string =>
    planPortElements(binding)
      .map((element) => `${verb} element inet ${TABLE_NAME} ${element.set} { ${formatPortElement(element)} }`)
      .join("\n");
  const netlinkMs: number[] = [];
  const programMs: number[] = [];
  for (let change = 0; change < CHANGES; change++) {
    const start = performance.now();
    for (const verb of ["add", "delete"] as const) {
      const elements = planPortElements(binding).map(portSetElement);
      await netfilter.execute([{ requests: [changeElements({ table: TABLE_NAME, verb, elements })] }]);
    }
    const between = performance.now();
    for (const verb of ["add", "delete"]) run(["nft", "-f", "-"], text(verb));
    netlinkMs.push((between - start) / 2);
    programMs.push((performance.now() - between) / 2);
  }
  netfilter.close();
  return { netlinkMs: median(netlinkMs), programMs: median(programMs) };
}
