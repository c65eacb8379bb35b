/**
 * Loaded into a process before its program (`NODE_OPTIONS=--import`): CLOCK_MONOTONIC as on a machine that
 * was started a day earlier.
 */
const DAY_NS = 86_400_000_000_000n;
const { bigint } = process.hrtime;
process.hrtime.bigint = () => bigint.call(process.hrtime) + DAY_NS;
