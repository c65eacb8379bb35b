import type { Kernel } from "../../kernel/kernel.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import { NEXT_DEVICE, planWireGuardDevice } from "../../plan/encryption/plan-device.ts";
import type { WireGuardDevicePlan } from "../../plan/encryption/wireguard.ts";
import type { ReportChanges } from "../report/report-changes.ts";
import type { OwnKey } from "./key-rotation.ts";
import { gatewaysOf, livePrefixes, type LocalNetwork } from "./local-network.ts";

export interface OwnDeviceInput {
  readonly kernel: { readonly wireguard: Pick<Kernel["wireguard"], "ensureDevice" | "read" | "remove"> };
  readonly clock: Pick<Clock, "nowMs">;
  /** UDP port. */
  readonly encryption: { readonly port: number };
  readonly reportChanges: ReportChanges;
}

interface Device extends OwnKey {
  readonly index: number;
}

/** Makes the device when there is a reason to look at it. */
export function createOwnDevice({ kernel, clock, encryption, reportChanges }: OwnDeviceInput) {
  let made: Device | undefined;
  let fault: string | undefined;
  let planned: WireGuardDevicePlan | undefined;
  const isPlanned = (plan: WireGuardDevicePlan): boolean => JSON.stringify(plan) === JSON.stringify(planned);
  const ensure = async (plan: WireGuardDevicePlan): Promise<void> => {
    try {
      if (made === undefined) await freePort(kernel, plan);
      const { publicKey, keyAgeMs, index, changes } = await kernel.wireguard.ensureDevice(plan);
      reportChanges(changes, { isRepair: made !== undefined && isPlanned(plan) });
      if (made?.publicKey !== publicKey || made.index !== index)
        made = { publicKey, index, bornMs: clock.nowMs() - keyAgeMs };
      fault = undefined;
      planned = plan;
    } catch (error) {
      made = undefined;
      fault = messageOf(error);
    }
  };
  return {
    current: (): Device | undefined => made,
    /** As it was made last. */
    plan: (): WireGuardDevicePlan | undefined => planned,
    /** It has another key. */
    rekeyed(key: OwnKey): void {
      if (made !== undefined) made = { ...made, ...key };
    },
    /** Why there is none. */
    fault: (): string | undefined => fault,
    async ensure(local: LocalNetwork, verify: boolean): Promise<void> {
      const plan = planWireGuardDevice({
        port: encryption.port,
        ownCidrs: livePrefixes(local),
        ownGateways: gatewaysOf(local.podCidrs),
        underlay: local.underlay,
      });
      if (plan === undefined) return;
      if (verify || made === undefined || !isPlanned(plan)) await ensure(plan);
    },
  };
}

/** A rotation of before the port was set may have its next key there. */
async function freePort({ wireguard }: OwnDeviceInput["kernel"], plan: WireGuardDevicePlan): Promise<void> {
  const next = await wireguard.read(NEXT_DEVICE);
  if (next?.port === plan.port) await wireguard.remove(NEXT_DEVICE);
}
