import type { Kernel } from "../kernel/kernel.ts";
import { inTurn } from "./runner/in-turn.ts";
import { type HostFilesRemoval, removeHostFiles } from "../host/remove-host-files.ts";

export interface UninstallInput extends Omit<HostFilesRemoval, "need"> {
  readonly kernel: Pick<Kernel, "listAttachments" | "removeDatapath">;
  /** Also what running pods need: their links, routes and rules, and what runtimes stop them by. */
  readonly all: boolean;
}

/**
 * Removes what the agent has made, but for what running pods need unless `all` is set (docs/uninstall.md).
 * May be repeated. Goes on after a failure, and throws the first one in the end.
 */
export async function uninstall({ kernel, all, ...files }: UninstallInput): Promise<void> {
  const count = all ? 0 : (await kernel.listAttachments()).length;
  const need =
    count === 0
      ? undefined
      : `${count} pod interfaces need it to be deleted; uninstall again when they are gone, or with --all`;
  await inTurn([
    () => removeHostFiles({ ...files, need }),
    async () => {
      if (!all) return;
      for (const what of await kernel.removeDatapath()) files.tell(`Removed ${what}`);
    },
  ]);
}
