import { arch, release, version as kernelVersion } from "node:os";
import { readText } from "../../inspect/read-proc.ts";
import { runNft } from "../../kernel/nft/run-nft.ts";
import { messageOf } from "../../lib/errors.ts";
import type { CommandInput } from "../../settings/command-line.ts";
import type { ListenAddress } from "../../settings/schemas.ts";

const ANSWER_MS = 2000;

/** Versions of what the node and this program are made of, as JSON. */
export async function describeVersions({ version, hostName, dateMs }: CommandInput): Promise<string> {
  const nft = await runNft(["--version"], "").catch(messageOf);
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec((await readText("/etc/os-release")) ?? "")?.[1];
  const versions = {
    at: new Date(dateMs()).toISOString(),
    hostName,
    causeway: version,
    node: process.versions.node,
    nft: nft.trim(),
    kernel: { release: release(), version: kernelVersion(), arch: arch() },
    /** Of the image, where this runs in one. */
    system,
  };
  return `${JSON.stringify(versions, undefined, 2)}\n`;
}

/** The agent's metrics, from where it answers its own node. */
export async function describeMetrics({ address, port }: ListenAddress): Promise<string> {
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}/metrics`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  return response.text();
}
