import type { Ride } from "../../kernel/policy/policy-kernel.ts";
import type { Riders } from "../../kernel/types.ts";

/** Work that may begin early, to take changes of network policies along. */
export interface Ridden<Result> {
  readonly ride: Ride;
  /** Waits for the work, which begins now if it has not, or if it was refused together with the changes. */
  end(): Promise<Result>;
}

/** `work` gives undefined where it was refused together with its riders, and has done nothing. */
export function createRidden<Result>(
  work: (riders: Riders | undefined) => Promise<Result | undefined>,
): Ridden<Result> {
  let begun: Promise<Result | undefined> | undefined;
  return {
    ride: (bodies) =>
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
