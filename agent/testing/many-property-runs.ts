/**
 * Loaded before the tests of `npm run test:fuzz` (--import): properties are tried more often than the 100
 * times that fast-check has for its own default, and that unit tests leave it at. PROPERTY_RUNS says how
 * often.
 */
import fc from "fast-check";

fc.configureGlobal({ numRuns: Number(process.env.PROPERTY_RUNS ?? 3000) });
