import { arrow, box, drawing, label, type Point } from "./svg.ts";

/** How a change of a node, of the kernel or of the clock becomes routes. */
export function drawChange(): string {
  const triggers = [
    { head: "Kubernetes watch", line: "a node came, changed or went" },
    { head: "nodes file", line: "standalone agents" },
    { head: "kernel's notifications", line: "another program's change" },
    { head: "clock", line: "once a minute" },
  ];
  const down = (x: number, from: number, to: number): readonly Point[] => [
    [x, from],
    [x, to],
  ];
  return drawing({
    width: 900,
    height: 430,
    title:
      "A change: events trigger one runner, which plans the node and the routes to all others, reads the kernel, and applies the difference",
    parts: [
      ...triggers.map(({ head, line }, index) =>
        box({ at: [20 + index * 220, 20], size: [200, 56], head, lines: [line] }),
      ),
      ...triggers.map((_, index) => arrow(down(120 + index * 220, 76, 120))),
      box({
        at: [20, 120],
        size: [860, 50],
        head: "runner",
        lines: ["events carry no data; at most one run in 50 ms, longer waits after a failure"],
        kind: "own",
      }),
      arrow(down(230, 170, 214)),
      arrow(down(670, 170, 214)),
      box({
        at: [20, 214],
        size: [420, 56],
        head: "this node",
        lines: ["attachments, bridge, gateways, forwarding, host files"],
        kind: "own",
      }),
      box({
        at: [460, 214],
        size: [420, 56],
        head: "the cluster",
        lines: ["PodCIDRs of all nodes, direct routes, VXLAN, masquerade, guards"],
        kind: "own",
      }),
      label([240, 298], "plan: wanted state, pure data"),
      label([680, 298], "plan: wanted state, pure data"),
      arrow(down(230, 270, 320), 2),
      arrow(down(670, 270, 320), 2),
      box({
        at: [20, 320],
        size: [860, 34],
        head: "compare with what the kernel has, and apply the difference",
      }),
      arrow(down(230, 354, 386), 1),
      arrow(down(670, 354, 386), 1),
      label([20, 408], "the same plan as before, and still a difference: a repair, logged and counted"),
      label([880, 408], "other nodes' prefixes change: only those entries", "end"),
    ],
  });
}
