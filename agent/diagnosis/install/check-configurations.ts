import type { Finding } from "../finding.ts";

/** A CNI configuration of another plugin. */
export interface OtherConfiguration {
  readonly path: string;
  /** Types of its plugins; none: it cannot be read. */
  readonly types: readonly string[];
  /** Runtimes would load it before Causeway's. */
  readonly sortsFirst: boolean;
}

export interface ConfigurationsObservation {
  readonly folder: string;
  /** In the order in which runtimes load them. */
  readonly others: readonly OtherConfiguration[];
}

const NAME = "CNI configurations";

/**
 * Which plugin serves the node now, and whether it would go on to after an installation. Nothing may be moved
 * while it serves pods: no remedy.
 */
export function checkConfigurations({ folder, others }: ConfigurationsObservation): readonly Finding[] {
  if (others.length === 0)
    return [{ name: NAME, verdict: "ok", evidence: `${folder} has no other configuration` }];
  return others.map(({ path, types, sortsFirst }) => {
    const shown = types.length === 0 ? "cannot be read" : `has ${types.join(", ")}`;
    return sortsFirst
      ? {
          name: NAME,
          verdict: "warn",
          evidence: `${path} (${shown}) sorts before Causeway's: once the node is drained, remove it, or choose another cniConfName`,
        }
      : {
          name: NAME,
          verdict: "info",
          evidence: `${path} (${shown}) sorts behind Causeway's: runtimes stop loading it once Causeway is installed`,
        };
  });
}
