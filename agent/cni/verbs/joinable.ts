import type { Join } from "../../kernel/policy/policy-kernel.ts";
import type { JoinedChanges } from "../../kernel/types.ts";

/** Work that may begin early, to take changes of network policies along. */
export interface Joinable<Result> {
  readonly join: Join;
  /** Waits for the work, which begins now if it has not, or if it was refused together with the changes. */
  end(): Promise<Result>;
}

/** `work` gives undefined where it was refused together with the joined changes, and has done nothing. */
export function createJoinable<Result>(
  work: (joinedChanges: JoinedChanges | undefined) => Promise<Result | undefined>,
): Joinable<Result> {
  let begun: Promise<Result | undefined> | undefined;
  return {
    join: (bodies) =>
      new Promise((resolve) => {
        const refused = (): void => resolve(false);
        begun = work({ bodies, made: () => resolve(true) });
        begun.then(refused, refused);
      }),
    async end() {
      const result = (await begun) ?? (await work(undefined));
      if (result === undefined) throw new Error("Cannot go on: refused without a reason");
      return result;
    },
  };
}
