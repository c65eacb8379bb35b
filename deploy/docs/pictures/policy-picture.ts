import { arrow, box, drawing, label, legend } from "./svg.ts";

/** The table of network policies, and the packet that it judges. */
export function drawPolicyTable(): string {
  return drawing({
    width: 900,
    height: 470,
    title:
      "Network policies: a packet of a new connection meets the chain of the sender's group, then that of the receiver's; each is a few look-ups in sets, then drop",
    parts: [
      box({ at: [20, 110], size: [130, 56], head: "packet", lines: ["to a pod, or of one"] }),
      box({
        at: [180, 20],
        size: [700, 330],
        head: "table inet causeway-policy, hook postrouting",
        kind: "frame",
      }),
      box({ at: [200, 64], size: [200, 56], head: "forbidden mark?", lines: ["drop: an ended connection"] }),
      box({
        at: [200, 140],
        size: [200, 56],
        head: "established?",
        lines: ["accept: most packets end here"],
      }),
      box({
        at: [200, 216],
        size: [200, 56],
        head: "from the node itself?",
        lines: ["accept: probes of the kubelet"],
      }),
      arrow(
        [
          [150, 138],
          [175, 138],
          [175, 92],
          [200, 92],
        ],
        2,
      ),
      arrow(
        [
          [300, 120],
          [300, 140],
        ],
        2,
      ),
      arrow(
        [
          [300, 196],
          [300, 216],
        ],
        2,
      ),
      box({
        at: [440, 64],
        size: [180, 56],
        head: "pods-out4, pods-out6",
        lines: ["sender → its group"],
        kind: "own",
      }),
      box({
        at: [440, 216],
        size: [180, 56],
        head: "pods-in4, pods-in6",
        lines: ["receiver → its group"],
        kind: "own",
      }),
      arrow(
        [
          [400, 244],
          [420, 244],
          [420, 92],
          [440, 92],
        ],
        2,
      ),
      box({
        at: [670, 64],
        size: [190, 72],
        head: "egress of a group",
        lines: ["look-ups in sets,", "then log, count, drop"],
        kind: "own",
      }),
      box({
        at: [670, 208],
        size: [190, 72],
        head: "ingress of a group",
        lines: ["look-ups in sets,", "then log, count, drop"],
        kind: "own",
      }),
      arrow(
        [
          [620, 92],
          [670, 92],
        ],
        2,
      ),
      arrow(
        [
          [765, 136],
          [765, 172],
          [530, 172],
          [530, 216],
        ],
        1,
      ),
      label([545, 164], "allowed, or no group"),
      arrow(
        [
          [620, 244],
          [670, 244],
        ],
        2,
      ),
      arrow(
        [
          [765, 280],
          [765, 330],
          [765, 384],
        ],
        1,
      ),
      label([775, 316], "allowed"),
      box({ at: [670, 384], size: [190, 40], head: "source translation" }),
      legend([30, 398], 2, "first packet of a connection: after services and host ports"),
      legend([30, 422], 1, "allowed: continues"),
      label([30, 450], "Pods under the same rules share a group, so many policies cost no more look-ups."),
    ],
  });
}
