import type { Finding } from "../finding.ts";
import { formatTarget } from "../target.ts";
import type { PathObservation, Translation } from "../path-observation.ts";

const NAME = "service";

/** What others make of the target before the node looks for a route. */
export function explainTranslation({ translation, target }: PathObservation): readonly Finding[] {
  if (translation === undefined) return [];
  const where = formatTarget(target);
  switch (translation.kind) {
    case "translated":
      return [{ name: NAME, verdict: "ok", evidence: describeTranslation(where, translation) }];
    case "refused":
      return [
        {
          name: NAME,
          verdict: "fail",
          evidence: `chain ${translation.chain} rejects ${where}: a service without endpoints, or without this port`,
        },
      ];
    case "other ports":
      return [
        {
          name: NAME,
          verdict: "warn",
          evidence: `chain ${translation.chain} translates other ports of ${target.address}: this one stays as it is`,
        },
      ];
    case "unknown":
      return [
        {
          name: NAME,
          verdict: "warn",
          evidence: `what happens to it is not visible from here: ${translation.reason}`,
        },
      ];
  }
}

function describeTranslation(
  where: string,
  { chain, endpoints }: Extract<Translation, { kind: "translated" }>,
): string {
  const [first, ...others] = endpoints.map(({ address, podName }) =>
    podName === undefined ? address : `${address} (pod "${podName}")`,
  );
  const told =
    others.length === 0
      ? "its one endpoint"
      : `one of ${endpoints.length} endpoints; not followed: ${others.slice(0, 4).join(", ")}${others.length > 4 ? ", …" : ""}`;
  return `chain ${chain} sends ${where} to ${first}, ${told}`;
}

/**
 * Nothing further can be told: the packet does not go to the target itself, and where it goes is not known.
 */
export function isBeyondTelling({ translation }: PathObservation): boolean {
  return translation?.kind === "refused" || (translation?.kind === "unknown" && translation.isCertain);
}

/** Whether somebody may translate the target unseen: then no way is known to be whole. */
export function isTranslationUnknown(findings: readonly Finding[]): boolean {
  return findings.some(({ name, verdict }) => name === NAME && verdict === "warn");
}
