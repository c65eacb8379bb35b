import { arrow, box, drawing, label, type WayNumber } from "./svg.ts";

/** Middles of the columns. */
const RUNTIME = 90;
const SHIM = 270;
const AGENT = 450;
const HOST = 640;
const POD = 810;

const TOP = 76;
const BOTTOM = 486;

interface Step {
  readonly y: number;
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly way?: WayNumber;
}

const STEPS: readonly Step[] = [
  { y: 112, from: RUNTIME, to: SHIM, text: "start: CNI_*, JSON" },
  { y: 148, from: SHIM, to: POD, text: "open its namespace" },
  { y: 184, from: SHIM, to: AGENT, text: "frame and two descriptors", way: 2 },
  { y: 294, from: AGENT, to: HOST, text: "veth pair, route, source sets", way: 1 },
  { y: 330, from: AGENT, to: POD, text: "addresses, by that socket", way: 1 },
  { y: 366, from: AGENT, to: HOST, text: "host ports, policies", way: 1 },
  { y: 412, from: AGENT, to: SHIM, text: "result, or CNI error", way: 2 },
  { y: 448, from: SHIM, to: RUNTIME, text: "stdout, exit code" },
];

/** Who does what in an ADD, from top to bottom. */
export function drawAdd(): string {
  const columns = [
    { x: RUNTIME, head: "containerd", own: false },
    { x: SHIM, head: "shim", own: true },
    { x: AGENT, head: "agent", own: true },
    { x: HOST, head: "node's network", own: false },
    { x: POD, head: "pod's network", own: false },
  ];
  return drawing({
    width: 900,
    height: 510,
    title:
      "An ADD: containerd starts the shim, which opens the pod's namespace and passes it to the agent; the agent makes links, routes and nftables elements, and answers",
    parts: [
      ...columns.map(({ x, head, own }) =>
        box({ at: [x - 70, 24], size: [140, 40], head, kind: own ? "own" : "card" }),
      ),
      ...columns.map(({ x }) =>
        arrow([
          [x, TOP],
          [x, BOTTOM],
        ]),
      ),
      ...STEPS.flatMap(({ y, from, to, text, way }) => [
        label([Math.min(from, to) + 10, y - 7], text),
        arrow(
          [
            [from, y],
            [to, y],
          ],
          way,
        ),
      ]),
      box({
        at: [AGENT - 110, 206],
        size: [220, 56],
        head: "reserve addresses, plan",
        lines: ["no call to the Kubernetes API"],
        kind: "own",
      }),
    ],
  });
}
