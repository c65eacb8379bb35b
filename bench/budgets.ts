import { COLD_ROWS } from "./cold-start.ts";
import { type Kind, KINDS, rowName, type Way } from "./datapath/traffic.ts";
import type { Budget, Exception } from "./judge.ts";
import { BUDGET_PODS } from "./options.ts";
import { START_ROW } from "./policy/measure-start.ts";
import { ROWS as POLICY_ROWS } from "./policy/measure-node.ts";

const CAUSEWAY = "causeway";
const WITH_MASQUERADE = ["bookworm-masq", "newest-masq"] as const;

const ADD = "ADD, one by one";
const DEL = "DEL, one by one";

/**
 * The agent's JavaScript, which V8 only interprets in an agent that starts a pod now and then, is half of an
 * ADD.
 */
const ADD_EXCEPTION: Exception = {
  atMost: 2.5,
  why: "1.61 and 1.70 measured, 2.12 beside a guest; half is JavaScript",
};

const FULL_NODE_EXCEPTION: Exception = {
  atMost: 1.7,
  why: "1.06 to 1.54 measured, and 1.31 to 1.74 of raw netlink: the kernel's work with each port of a bridge",
};

/** What guards cost the kernel is in our times, and not in the reference plugins', which guard nothing. */
const BESIDE_PLUGINS: readonly {
  readonly row: string;
  readonly atMost: number;
  readonly exception: Exception;
}[] = [
  { row: ADD, atMost: 1 / 15, exception: guardsCost(10, "13.0 to 17.1") },
  { row: `ADD, ${BUDGET_PODS} at once, total`, atMost: 1 / 20, exception: guardsCost(16, "18.3 to 23.2") },
  { row: `DEL, ${BUDGET_PODS} at once, total`, atMost: 1 / 35, exception: guardsCost(26, "30.4 to 60.5") },
];

/** What the project has promised of ADD and DEL. Rows and programs are those of bench/main.ts. */
export const COMMAND_BUDGETS: readonly Budget[] = [
  { row: "VERSION, one by one", program: CAUSEWAY, of: "floor", atMost: 2 },
  { row: ADD, program: CAUSEWAY, of: "floor", atMost: 2, exception: ADD_EXCEPTION },
  {
    row: ADD,
    program: CAUSEWAY,
    of: CAUSEWAY,
    statistic: "p99",
    atMost: 4,
    exception: {
      atMost: Number.POSITIVE_INFINITY,
      why: "9 measured; the slowest of a hundred tells more of the machine, raw netlink's is up to 35 times its median",
    },
  },
  { row: ADD, program: "causeway-ports", of: CAUSEWAY, atMost: 2 },
  { row: COLD_ROWS.many, program: CAUSEWAY, of: "floor", atMost: 2, exception: ADD_EXCEPTION },
  {
    row: COLD_ROWS.alone,
    program: CAUSEWAY,
    of: "floor",
    atMost: 2.2,
    exception: {
      atMost: Number.POSITIVE_INFINITY,
      why: "2.15 and 2.20 measured, up to 9.38 on a quiet machine, whose host takes idle memory away (bench/idle-memory.ts)",
    },
  },
  {
    row: COLD_ROWS.burst,
    program: CAUSEWAY,
    of: "causeway-later",
    atMost: 1.2,
  },
  { row: DEL, program: CAUSEWAY, of: "floor", atMost: 1 },
  {
    row: "ADD, with attachments on the node",
    program: "causeway-with-500",
    of: "causeway-with-10",
    atMost: 1.2,
    exception: FULL_NODE_EXCEPTION,
  },
  ...WITH_MASQUERADE.flatMap((of) =>
    BESIDE_PLUGINS.map(({ row, atMost, exception }) => ({ row, program: CAUSEWAY, of, atMost, exception })),
  ),
];

function guardsCost(times: number, measured: string): Exception {
  return { atMost: 1 / times, why: `${measured} times as fast measured, with all guards` };
}

/** Whoever gives 0.95 of the traffic takes so many times the time for each byte, round trip or datagram. */
const NEARLY_AS_MUCH = 1 / 0.95;

/**
 * Between two pods of a node a packet passes the bridge twice and the host's IP stack between, on purpose
 * (docs/dataplane.md): a bridge does the first alone, ptp the second. So the promise is missed there, and
 * would be without any filter, too (docs/performance.md).
 */
const ROUTED_ON_A_BRIDGE: Partial<Record<Kind, Exception>> = {
  rr: { atMost: 1.25, why: "1.02 to 1.25 measured, of ptp in CPU 1.10, without any filter 1.08" },
  crr: { atMost: 1.3, why: "1.16 to 1.26 measured, of ptp in CPU 1.14, without any filter 1.09" },
  udp: { atMost: 1.45, why: "1.08 to 1.35 measured, of ptp in CPU 1.30, without any filter 1.27" },
};

/** Of the smallest frames each is judged twice on its way in: outside, and when it comes out of the device. */
const GUARDED_OVERLAY: Exception = { atMost: 1.3, why: "1.05 measured, 1.21 before it was made cheaper" };

/** The same frames without an overlay: ptp has neither a bridge nor a guard. */
const BRIDGE_AND_GUARD: Exception = { atMost: 1.6, why: "1.15 to 1.39 measured, of a bridge with a guard" };

const TRAFFIC_BUDGETS: readonly Budget[] = KINDS.flatMap(({ kind, text }) => [
  sameNode(kind, text, "ptp"),
  sameNode(kind, text, "bridge"),
  ...(["across nodes", "outside"] as const).flatMap((way) => [
    { row: judgedRow(way, kind, text), program: CAUSEWAY, of: "bridge", atMost: NEARLY_AS_MUCH },
    {
      row: judgedRow(way, kind, text),
      program: CAUSEWAY,
      of: "ptp",
      atMost: NEARLY_AS_MUCH,
      ...(kind === "udp" && { exception: BRIDGE_AND_GUARD }),
    },
  ]),
  {
    row: judgedRow("across nodes, VXLAN", kind, text),
    program: "causeway-vxlan",
    of: "bridge-vxlan",
    atMost: NEARLY_AS_MUCH,
    ...(kind === "udp" && { exception: GUARDED_OVERLAY }),
  },
  ...["causeway-5000", "causeway-ports"].map((program) => {
    return { row: judgedRow("across nodes", kind, text), program, of: CAUSEWAY, atMost: NEARLY_AS_MUCH };
  }),
]);

/**
 * All guards of a node against its pods together, where they weigh most. Both are the same bridge in the same
 * rounds, which differ by less than two programs do.
 */
const GUARDS_BUDGETS: readonly Budget[] = KINDS.filter(({ kind }) => kind === "udp").map(
  ({ kind, text }) => ({
    row: judgedRow("same node", kind, text),
    program: CAUSEWAY,
    of: "causeway-unguarded",
    atMost: NEARLY_AS_MUCH,
  }),
);

/** What the project has promised of traffic. Rows and programs are those of bench/datapath/main.ts. */
export const DATAPATH_BUDGETS: readonly Budget[] = [...TRAFFIC_BUDGETS, ...GUARDS_BUDGETS];

function sameNode(kind: Kind, text: string, of: string): Budget {
  const row = judgedRow("same node", kind, text);
  const exception = ROUTED_ON_A_BRIDGE[kind];
  return {
    row,
    program: CAUSEWAY,
    of,
    atMost: NEARLY_AS_MUCH,
    ...(exception !== undefined && { exception }),
  };
}

/** Streams differ by half from round to round in time, by a tenth in CPU. */
function judgedRow(way: Way, kind: Kind, text: string): string {
  return rowName(way, text, kind === "stream" ? "cpu" : "time");
}

export const FOOTPRINT_BUDGETS: readonly Budget[] = [
  { row: "start to ready", program: "full", of: "none", atMost: 2 },
];

const NEW_CONNECTION = POLICY_ROWS.crr;

const POLICY_ADD: Exception = {
  atMost: 1.4,
  why: "1.18 and 1.33 measured with 1,000 policies, 1.17 and 1.21 with 100 ClusterNetworkPolicies, in two quiet runs",
};

/** What the project has promised of policies. Rows and programs are those of bench/policy/main.ts. */
export const POLICY_BUDGETS: readonly Budget[] = [
  { row: NEW_CONNECTION, program: "thousand", of: "one", atMost: 1.2 },
  { row: NEW_CONNECTION, program: "cluster", of: "one", atMost: 1.2 },
  { row: NEW_CONNECTION, program: "thousand", of: "by-hand", atMost: 1 },
  ...["thousand", "cluster"].flatMap((program) => [
    { row: POLICY_ROWS["udp-answered"], program, of: "none", atMost: 1 / 0.93 },
    { row: "ADD", program, of: "none", atMost: 1.3, exception: POLICY_ADD },
  ]),
  { row: START_ROW, program: "policies", of: "none", atMost: 1.5 },
];
