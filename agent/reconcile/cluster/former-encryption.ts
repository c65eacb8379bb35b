import type { Kernel } from "../../kernel/kernel.ts";
import { WIREGUARD_DEVICE, WIREGUARD_DEVICES } from "../../plan/encryption/plan-device.ts";
import { keysOf } from "../../plan/encryption/judge-keys.ts";
import type { NodeKeys, PublishedKey } from "../../plan/peers/claim.ts";
import type { EncryptionType } from "../../plan/peers/peer-routes.ts";

export interface FormerEncryptionInput {
  readonly kernel: { readonly wireguard: Pick<Kernel["wireguard"], "read" | "remove"> };
  readonly encryption: { readonly type: EncryptionType };
  /** What our own Node says of its keys. */
  readonly publishedKey: () => PublishedKey | undefined;
  /** Takes what it is to say. */
  readonly publishKey: (key: NodeKeys | undefined) => void;
}

/** What a node does about the time when it encrypted, once it is told to encrypt nothing. */
export interface FormerEncryption {
  /**
   * Whether the node encrypts as before: as long as its Node has the key that its device has, others send
   * encrypted what is for it. Where packets come from one link and go by another, strict reverse path filters
   * drop them.
   */
  goesOn(): Promise<boolean>;
  /** Removes what is left; after the routes through it are gone. */
  clearUp(isComplete: boolean): Promise<void>;
}

export function createFormerEncryption(input: FormerEncryptionInput): FormerEncryption {
  const { encryption, kernel } = input;
  const isOff = encryption.type === "none";
  let isCleared = false;
  return {
    async goesOn() {
      const published = isOff ? input.publishedKey() : undefined;
      if (published === undefined) return false;
      const device = await kernel.wireguard.read(WIREGUARD_DEVICE);
      return device?.publicKey !== undefined && keysOf(published).includes(device.publicKey);
    },
    async clearUp(isComplete) {
      if (!isOff || isCleared || !isComplete) return;
      input.publishKey(undefined);
      // Others may still send what only the device can read.
      if (input.publishedKey() !== undefined) return;
      for (const name of WIREGUARD_DEVICES) await kernel.wireguard.remove(name);
      isCleared = true;
    },
  };
}
