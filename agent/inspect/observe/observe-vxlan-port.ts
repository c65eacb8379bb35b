import type { VxlanPortObservation } from "../../diagnosis/checks/check-vxlan-port.ts";
import type { Datapath } from "../../kernel/read/observe-datapath.ts";
import { observeUdpPort } from "../udp-port.ts";

/** Who has the UDP port of the overlay. `planned`: as the agent is set, where no device tells. */
export async function observeVxlanPort(
  node: Datapath,
  planned: { readonly port: number; readonly vni: number },
): Promise<VxlanPortObservation> {
  const { tunnels, foreignTunnels } = node;
  const { port, vni } = tunnels[0]?.vxlan ?? planned;
  const isWhole = tunnels.some(({ up }) => up);
  return { vni, tunnels, foreign: foreignTunnels, ...(await observeUdpPort(port, { isWhole })) };
}
