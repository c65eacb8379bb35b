import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostFilesInput } from "../../host/host-files.ts";
import { planConflist } from "../../plan/node/conflist.ts";

/** Host files below a folder, whose folders this makes. */
export function makeHostFilesInput(folder: string): HostFilesInput {
  const input = {
    cniBinDir: join(folder, "bin"),
    cniConfDir: join(folder, "net.d"),
    cniConfName: "10-causeway.conflist",
    cniConfMode: 0o600,
    cniBinMode: 0o755,
    shim: Buffer.from("shim"),
    conflist: planConflist({ socket: "/run/causeway/agent.sock" }),
  };
  for (const path of [input.cniBinDir, input.cniConfDir]) mkdirSync(path);
  return input;
}
