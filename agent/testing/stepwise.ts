/** The longest that a timer waits: an infinite timeout would mean the one of the command line. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Options of a test that has a test for each of many steps: bounded by each of them, since only the run tells
 * how many there are.
 */
export const STEPWISE = { timeout: LONGEST_MS };

/** Options of the test of one step. */
export const STEP = { timeout: 60_000 };
