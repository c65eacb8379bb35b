import { arrow, box, drawing, label } from "./svg.ts";

/** What is on a node, and who asks whom. */
export function drawNode(): string {
  return drawing({
    width: 900,
    height: 500,
    title:
      "A node: the runtime starts the shim, the shim asks the agent, and the agent makes the pods' links, the bridge, routes and nftables in the kernel",
    parts: [
      box({ at: [20, 20], size: [200, 56], head: "Kubernetes API", lines: ["nodes and their PodCIDRs"] }),
      box({ at: [20, 100], size: [860, 380], head: "node", kind: "frame" }),
      box({ at: [50, 140], size: [150, 56], head: "kubelet", lines: ["wants a pod"] }),
      box({ at: [50, 236], size: [150, 56], head: "containerd", lines: ["creates its namespace"] }),
      box({ at: [260, 236], size: [150, 56], head: "shim", lines: ["CNI plugin, 34 KB"], kind: "own" }),
      box({ at: [260, 140], size: [150, 56], head: "agent", lines: ["CAP_NET_ADMIN only"], kind: "own" }),
      box({ at: [470, 130], size: [180, 60], head: "pod a", lines: ["eth0 10.244.1.2/32"] }),
      box({ at: [680, 130], size: [180, 60], head: "pod b", lines: ["eth0 10.244.1.3/32"] }),
      box({
        at: [470, 250],
        size: [390, 56],
        head: "bridge cw0",
        lines: ["gateway 10.244.1.1/32; neither learns nor floods"],
        kind: "own",
      }),
      box({
        at: [260, 350],
        size: [600, 60],
        head: "the kernel's IP stack",
        lines: ["routes to pods and nodes, nftables: sources, masquerade, host ports"],
      }),
      box({ at: [470, 436], size: [180, 34], head: "VXLAN cw-vx", kind: "own" }),
      box({ at: [680, 436], size: [180, 34], head: "uplink eth0" }),
      arrow([
        [125, 196],
        [125, 236],
      ]),
      arrow([
        [200, 264],
        [260, 264],
      ]),
      label([230, 228], "ADD, DEL", "middle"),
      arrow([
        [335, 236],
        [335, 196],
      ]),
      label([342, 222], "namespace"),
      arrow([
        [120, 76],
        [120, 92],
        [310, 92],
        [310, 140],
      ]),
      label([226, 86], "watch"),
      arrow([
        [410, 168],
        [440, 168],
        [440, 350],
      ]),
      label([432, 330], "netlink", "end"),
      arrow([
        [560, 250],
        [560, 190],
      ]),
      label([568, 224], "veth"),
      arrow([
        [770, 250],
        [770, 190],
      ]),
      label([778, 224], "veth"),
      arrow([
        [665, 306],
        [665, 350],
      ]),
      arrow([
        [560, 410],
        [560, 436],
      ]),
      arrow([
        [770, 410],
        [770, 436],
      ]),
      arrow([
        [650, 453],
        [680, 453],
      ]),
      label([50, 440], "Green: what Causeway makes."),
      label([50, 460], "Nothing about pods is on disk: the kernel is the database."),
    ],
  });
}
