/** Measures the turns of the event loop that something takes, in milliseconds of this thread's CPU. */
export interface TurnClock {
  /** A turn ends here: to be given as what lets others have theirs. */
  readonly breathe: () => Promise<void>;
  /** The longest one so far. */
  readonly longestMs: () => number;
}

export function createTurnClock(): TurnClock {
  let longest = 0;
  let before = process.threadCpuUsage();
  return {
    async breathe() {
      const { user, system } = process.threadCpuUsage(before);
      longest = Math.max(longest, (user + system) / 1000);
      before = process.threadCpuUsage();
    },
    longestMs: () => longest,
  };
}
