import type { AttackGroup } from "./attack.ts";
import { SOURCE_ATTACKS } from "./source-attacks.ts";

/** Everything that is tried, in this order: what disturbs a node most comes last. */
export const GROUPS: readonly AttackGroup[] = [SOURCE_ATTACKS];
