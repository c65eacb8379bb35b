import { ADVERTISEMENT_ATTACKS } from "./advertisement-attacks.ts";
import type { AttackGroup } from "./attack.ts";
import { DISGUISE_ATTACKS } from "./disguise-attacks.ts";
import { FLOOD_ATTACKS } from "./flood-attacks.ts";
import { HOST_ATTACKS } from "./host-attacks.ts";
import { HTTP_ATTACKS } from "./http-attacks.ts";
import { NEIGHBOUR_ATTACKS } from "./neighbour-attacks.ts";
import { OBJECT_ATTACKS } from "./object-attacks.ts";
import { OUTSIDER_ATTACKS } from "./outsider-attacks.ts";
import { OVERLAY_ATTACKS } from "./overlay-attacks.ts";
import { PATH_ATTACKS } from "./path-attacks.ts";
import { REDIRECT_ATTACKS } from "./redirect-attacks.ts";
import { SEGMENT_ATTACKS } from "./segment-attacks.ts";
import { SOURCE_ATTACKS } from "./source-attacks.ts";
import { TEXT_ATTACKS } from "./text-attacks.ts";

/** Everything that is tried, in this order: what disturbs a node most comes last. */
export const GROUPS: readonly AttackGroup[] = [
  SOURCE_ATTACKS,
  DISGUISE_ATTACKS,
  SEGMENT_ATTACKS,
  ADVERTISEMENT_ATTACKS,
  REDIRECT_ATTACKS,
  PATH_ATTACKS,
  NEIGHBOUR_ATTACKS,
  OVERLAY_ATTACKS,
  OUTSIDER_ATTACKS,
  HOST_ATTACKS,
  OBJECT_ATTACKS,
  FLOOD_ATTACKS,
  HTTP_ATTACKS,
  TEXT_ATTACKS,
];
