/** Why a frame of a pod was dropped at its port. */
export const PORT_DROP_REASONS = [
  "source",
  "destination",
  "group",
  "protocol",
  "discovery",
  "redirect",
  "link-local",
] as const;

/** Why a packet of the overlay was dropped: see {@link OVERLAY_COUNTERS}. */
const OVERLAY_DROP_REASONS = ["overlay-pod", "overlay-outer", "overlay-inner"] as const;

/** Why a packet between nodes was dropped where encryption is required. */
const ENCRYPTION_DROP_REASONS = ["unencrypted"] as const;

/** Why a packet of a foreign link was dropped: it came under the address of a pod of this node. */
const OUTSIDER_DROP_REASONS = ["outsider"] as const;

/** Those that the inet table counts, by these names. */
export const INET_DROP_REASONS = [
  ...OVERLAY_DROP_REASONS,
  ...ENCRYPTION_DROP_REASONS,
  ...OUTSIDER_DROP_REASONS,
] as const;

export const DROP_REASONS = [...PORT_DROP_REASONS, ...INET_DROP_REASONS] as const;

export type PortDropReason = (typeof PORT_DROP_REASONS)[number];
export type OverlayDropReason = (typeof OVERLAY_DROP_REASONS)[number];
export type EncryptionDropReason = (typeof ENCRYPTION_DROP_REASONS)[number];
export type OutsiderDropReason = (typeof OUTSIDER_DROP_REASONS)[number];
export type DropReason = (typeof DROP_REASONS)[number];

/** The named counter of the bridge's table that says how often. */
export function dropCounter(reason: PortDropReason): string {
  return `dropped-${reason}`;
}
