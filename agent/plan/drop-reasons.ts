/** Why a frame of a pod was dropped at its port. */
export const DROP_REASONS = [
  "source",
  "destination",
  "group",
  "protocol",
  "discovery",
  "redirect",
  "link-local",
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** The named counter that says how often. */
export function dropCounter(reason: DropReason): string {
  return `dropped-${reason}`;
}
