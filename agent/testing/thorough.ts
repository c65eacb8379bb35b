import fc from "fast-check";

/**
 * Whether this is `npm run test:fuzz` (many-property-runs.ts): everything is tried then where unit tests,
 * which must be quick, try some.
 */
export const isThorough = fc.readConfigureGlobal().numRuns !== undefined;
