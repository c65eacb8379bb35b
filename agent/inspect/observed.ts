import { type Finding, judging, type Observed } from "../diagnosis/finding.ts";
import { messageOf } from "../lib/errors.ts";

/** What was observed, or why it could not be. */
export async function observed<Value>(observe: () => Promise<Value>): Promise<Observed<Value>> {
  return observe().then(
    (value) => ({ value }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
}

/** Observes and judges; what cannot be observed is told in the place of findings. */
export async function check<Value>(
  name: string,
  observe: () => Promise<Value>,
  judge: (value: Value) => readonly Finding[],
): Promise<readonly Finding[]> {
  return judging(name, await observed(observe), judge);
}
