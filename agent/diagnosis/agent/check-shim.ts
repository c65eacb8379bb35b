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

/** A running agent puts its own back within 2 s: what is wrong here stays wrong because none runs, or another release does. */
export function checkShim({
  path,
  installed,
  shippedPath,
  shippedVersion,
  agentVersion,
}: ShimObservation): readonly Finding[] {
  const remedy = shippedVersion && `install -m 0755 ${shellWord(shippedPath)} ${shellWord(path)}`;
  const fail = (evidence: string): readonly Finding[] => [{ name: NAME, verdict: "fail", evidence, remedy }];
  if (installed === undefined) return fail(`${path} is missing: runtimes cannot start or stop pods`);
  if (!installed.isExecutable) return fail(`${path} is not executable`);
  if (installed.version === undefined) return fail(`${path} is no shim of Causeway`);
  const version = installed.version;
  if (installed.isShipped)
    return [{ name: NAME, verdict: "ok", evidence: `${path} is that of ${version}, as shipped` }];
  const isOther = version !== shippedVersion;
  // It would put its own back.
  if (version === agentVersion)
    return [
      { name: NAME, verdict: "info", evidence: `${path} is of version ${version}, as the running agent is` },
    ];
  return [
    {
      name: NAME,
      verdict: "warn",
      evidence: isOther
        ? `${path} is of version ${version}, this program of ${shippedVersion ?? "none"}`
        : `${path} says that it is version ${version}, and is not the shim that ships with it`,
      remedy,
    },
  ];
}
