import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

export interface ShimObservation {
  /** Where runtimes find it. */
  readonly path: string;
  /** What is there; undefined: nothing. */
  readonly installed: InstalledShim | undefined;
  readonly shippedPath: string;
  /** Version of the shim that ships with this program. */
  readonly shippedVersion: string | undefined;
  /** Version of the agent that runs. */
  readonly agentVersion?: string | undefined;
}

export interface InstalledShim {
  /** Undefined: it is no shim of ours. */
  readonly version: string | undefined;
  readonly isExecutable: boolean;
  /** Byte for byte what ships with this program. */
  readonly isShipped: boolean;
}

const NAME = "shim";

/**
 * A running agent puts its own back within 2 s: what is wrong here stays wrong because none runs, or another
 * release does.
 */
export function checkShim({
  path,
  installed,
  shippedPath,
  shippedVersion,
  agentVersion,
}: ShimObservation): readonly Finding[] {
  // A running agent of another release would put its own back.
  const isOurs = agentVersion === undefined || agentVersion === shippedVersion;
  const remedy =
    isOurs && shippedVersion !== undefined
      ? `install -m 0755 ${shellWord(shippedPath)} ${shellWord(path)}`
      : undefined;
  const instead = isOurs ? "" : `; the running agent restores version ${agentVersion}`;
  const found = (verdict: "fail" | "warn", evidence: string): readonly Finding[] => [
    { name: NAME, verdict, evidence: `${evidence}${instead}`, remedy },
  ];
  if (installed === undefined) return found("fail", `${path} is missing: runtimes cannot start or stop pods`);
  if (!installed.isExecutable) return found("fail", `${path} is not executable`);
  if (installed.version === undefined) return found("fail", `${path} is not Causeway's shim`);
  const version = installed.version;
  if (installed.isShipped)
    return [{ name: NAME, verdict: "ok", evidence: `${path} is version ${version}, as shipped` }];
  const isOther = version !== shippedVersion;
  if (version === agentVersion)
    return [
      { name: NAME, verdict: "info", evidence: `${path} is version ${version}, like the running agent` },
    ];
  return found(
    "warn",
    isOther
      ? `${path} is version ${version}, this program is ${shippedVersion ?? "none"}`
      : `${path} claims to be version ${version}, but is not the shim that ships with it`,
  );
}
