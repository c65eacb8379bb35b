import { SUPPORTED_VERSIONS, type CniVersion } from "../../cni/request/network-config.ts";

export const VERBS = ["ADD", "CHECK", "DEL", "GC", "STATUS", "VERSION"] as const;

export type Verb = (typeof VERBS)[number];

/**
 * What became of one cell: served, or refused because the specification of that version does not have the
 * verb.
 */
export type CellOutcome = "served" | "refused";

/** What the suite saw, cell by cell; a cell that nobody has recorded has failed. */
export interface ConformanceTable {
  record(cell: { verb: Verb; version: CniVersion; family: string }, outcome: CellOutcome): void;
  /**
   * One row for each verb, one column for each version; in a cell one sign for each family, in their order.
   */
  format(): string;
}

const SIGNS = { served: "✓", refused: "r" } as const;
const FAILED = "✗";

export function createConformanceTable(families: readonly string[]): ConformanceTable {
  const cells = new Map<string, CellOutcome>();
  const keyOf = (verb: string, version: string, family: string): string => `${verb} ${version} ${family}`;
  const signs = (verb: Verb, version: CniVersion): string =>
    families
      .map((family) => cells.get(keyOf(verb, version, family)))
      .map((outcome) => (outcome === undefined ? FAILED : SIGNS[outcome]))
      .join("");
  return {
    record: ({ verb, version, family }, outcome) => void cells.set(keyOf(verb, version, family), outcome),
    format() {
      const row = (head: string, columns: readonly string[]): string =>
        `${head.padEnd(8)}${columns.map((column) => column.padEnd(6)).join("")}`.trimEnd();
      return [
        `CNI conformance against the real kernel (${families.join(", ")}; ${SIGNS.served} served, ${SIGNS.refused} refused as the specification asks, ${FAILED} failed)`,
        row("", SUPPORTED_VERSIONS),
        ...VERBS.map((verb) =>
          row(
            verb,
            SUPPORTED_VERSIONS.map((version) => signs(verb, version)),
          ),
        ),
      ].join("\n");
    },
  };
}
