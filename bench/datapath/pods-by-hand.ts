import { ip, run } from "../machine.ts";
import { podPath, type SiteNode } from "./site.ts";
import type { Path } from "./traffic.ts";

const GATEWAY = "169.254.1.1";

/** A veth for each pod of a node, and a host route to it. */
export function attachRouted(node: SiteNode, mtu: number): void {
  forPods(node, mtu, ({ link, netns, address }) => {
    ip([`address add ${GATEWAY}/32 dev ${link}`, `route add ${address} dev ${link}`], node.host.netns);
    ip(
      [
        `address add ${address}/32 dev eth0`,
        `route add ${GATEWAY} dev eth0`,
        `route add default via ${GATEWAY}`,
      ],
      netns,
    );
  });
}

/** The same at a bridge that has the gateway's address. */
export function attachBridged(node: SiteNode, mtu: number): void {
  const gateway = node.podCidr.replace("0/24", "1");
  const { netns } = node.host;
  ip([`link add br0 mtu ${mtu} type bridge`, `address add ${gateway}/24 dev br0`, "link set br0 up"], netns);
  forPods(node, mtu, (pod) => {
    ip([`link set ${pod.link} master br0`], netns);
    ip([`address add ${pod.address}/24 dev eth0`, `route add default via ${gateway}`], pod.netns);
  });
}

interface PodByHand {
  /** Name of the link's end in the node. */
  readonly link: string;
  readonly netns: string;
  readonly address: string;
}

function forPods({ host, podCidr }: SiteNode, mtu: number, attach: (pod: PodByHand) => void): void {
  run(["ip", "netns", "exec", host.netns, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  for (const [pod, netns] of host.podNetns.entries()) {
    const link = `pod${pod}`;
    ip(
      [
        `link add ${link} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${netns}`,
        `link set ${link} up`,
      ],
      host.netns,
    );
    ip(["link set eth0 up"], netns);
    attach({ link, netns, address: podCidr.replace("0/24", String(pod + 2)) });
  }
}

/** A veth between the first two pods of a node. */
export function joinDirectly(node: SiteNode): Path {
  const [client = "", server = ""] = node.host.podNetns;
  ip([`link add direct0 netns ${client} type veth peer name direct0 netns ${server}`]);
  ip(["address add 198.18.0.1/24 dev direct0", "link set direct0 up"], client);
  ip(["address add 198.18.0.2/24 dev direct0", "link set direct0 up"], server);
  return { server: podPath(node, 1), client: podPath(node, 0), address: "198.18.0.2" };
}
