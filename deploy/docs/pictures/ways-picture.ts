import { arrow, box, drawing, label, legend } from "./svg.ts";

/** The paths of packets between pods, nodes and the world. */
export function drawWays(): string {
  return drawing({
    width: 900,
    height: 540,
    title:
      "Paths of packets: between pods of one node, to a neighbouring node by a plain route, to a distant node by VXLAN, to the world with masquerade, and in through a host port",
    parts: [
      box({ at: [20, 20], size: [450, 290], head: "node 1 (PodCIDR 10.244.1.0/24)", kind: "frame" }),
      box({ at: [180, 64], size: [130, 50], head: "pod a", lines: ["10.244.1.2"] }),
      box({ at: [330, 64], size: [120, 50], head: "pod b", lines: ["10.244.1.3"] }),
      box({ at: [40, 150], size: [410, 34], head: "bridge cw0", kind: "own", align: "left" }),
      box({ at: [40, 216], size: [410, 80], head: "IP stack", lines: ["routes, nftables"], align: "left" }),
      box({ at: [500, 20], size: [180, 170], head: "node 2, a neighbour", kind: "frame" }),
      box({ at: [520, 64], size: [140, 50], head: "pod c", lines: ["10.244.2.2"] }),
      box({ at: [520, 134], size: [140, 34], head: "IP stack, cw0" }),
      box({ at: [700, 20], size: [180, 170], head: "node 3, not on a link", kind: "frame" }),
      box({ at: [720, 64], size: [140, 50], head: "pod d", lines: ["10.244.3.2"] }),
      box({ at: [720, 134], size: [140, 34], head: "VXLAN cw-vx", kind: "own" }),
      box({ at: [690, 330], size: [150, 50], head: "the world" }),
      box({ at: [350, 338], size: [130, 34], head: "client" }),
      arrow(
        [
          [290, 114],
          [290, 234],
          [360, 234],
          [360, 114],
        ],
        1,
      ),
      arrow(
        [
          [260, 114],
          [260, 252],
          [485, 252],
          [485, 206],
          [590, 206],
          [590, 168],
        ],
        2,
      ),
      arrow(
        [
          [230, 114],
          [230, 268],
          [495, 268],
          [495, 222],
          [790, 222],
          [790, 168],
        ],
        3,
      ),
      arrow(
        [
          [200, 114],
          [200, 284],
          [560, 284],
          [560, 355],
          [690, 355],
        ],
        4,
      ),
      arrow(
        [
          [415, 338],
          [415, 114],
        ],
        5,
      ),
      arrow(
        [
          [590, 134],
          [590, 114],
        ],
        2,
      ),
      arrow(
        [
          [790, 134],
          [790, 114],
        ],
        3,
      ),
      label([570, 347], "as node 1"),
      label([407, 330], "node 1:8080", "end"),
      legend([30, 408], 1, "same node: through the IP stack, so that services and policies see it"),
      legend([30, 432], 2, "direct: a plain route, where the other node is a neighbour on a link"),
      legend([30, 456], 3, "VXLAN: to any other node; outer addresses are the nodes'"),
      legend([30, 480], 4, "egress: masqueraded as the node; answers come back on the same path"),
      legend(
        [30, 504],
        5,
        "host port: an element of an nftables map leads to the pod; the client's address stays",
      ),
    ],
  });
}
