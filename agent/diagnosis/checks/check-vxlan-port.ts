import type { Link } from "../../netlink/link/parse-link.ts";
import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";
import { explainHeldPort, type UdpPort } from "../udp-port.ts";

export interface VxlanPortObservation extends UdpPort {
  /** Number that the agent uses, or would use, on its port. */
  readonly vni: number;
  /** VXLAN devices that are ours. */
  readonly tunnels: readonly Pick<Link, "name" | "up">[];
  /** VXLAN devices of others. */
  readonly foreign: readonly Pick<Link, "name" | "up" | "vxlan">[];
}

const NAME = "VXLAN port";

/**
 * Devices of different numbers share the kernel's socket; a program's socket and a device's do not, nor do
 * devices of one number, nor of different ways to receive.
 */
export function checkVxlanPort(observation: VxlanPortObservation): readonly Finding[] {
  const { port, vni, tunnels, foreign, holders } = observation;
  const devices = foreign.filter(({ vxlan }) => vxlan?.port === port);
  const rivals = devices.filter(({ vxlan }) => vxlan?.vni === vni);
  const lacking = tunnels.every(({ up }) => !up);
  if (rivals.length > 0 && lacking)
    return rivals.map(({ name }) => ({
      name: NAME,
      verdict: verdictFor(tunnels),
      evidence: `foreign VXLAN device ${name} uses VNI ${vni} on UDP port ${port}, so Causeway's cannot be created`,
      remedy: `ip link delete dev ${shellWord(name)}`,
    }));
  const loners = devices.filter(({ up, vxlan }) => up && vxlan?.receives.length);
  if (loners.length > 0 && lacking)
    return loners.map(({ name, vxlan }) => ({
      name: NAME,
      verdict: verdictFor(tunnels),
      evidence: `foreign VXLAN device ${name} uses UDP port ${port} alone (${vxlan?.receives.join(", ")}), so Causeway's cannot come up`,
      remedy: `ip link delete dev ${shellWord(name)}`,
    }));
  const device = "Causeway's VXLAN device";
  const held = explainHeldPort(observation, { name: NAME, verdict: verdictFor(tunnels), device });
  if (lacking && held.length > 0 && (holders.length > 0 || devices.length === 0)) return held;
  const states = tunnels.map(({ name, up }) => `${name} ${up ? "has it" : "is down"}`).join(", ");
  const own = states === "" ? "free; there is no Causeway VXLAN device" : states;
  const sharing = devices.filter(({ vxlan }) => vxlan?.receives.length === 0);
  const shared = sharing.map(({ name, vxlan }) => `; ${name} shares it with VNI ${vxlan?.vni}`).join("");
  return [{ name: NAME, verdict: "ok", evidence: `UDP port ${port}: ${own}${shared}` }];
}

/** Without a device of ours nobody may need one. */
function verdictFor(tunnels: VxlanPortObservation["tunnels"]): "fail" | "warn" {
  return tunnels.length > 0 ? "fail" : "warn";
}
