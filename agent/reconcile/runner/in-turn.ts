/**
 * Runs works one after the other, each also when one before it has failed; throws the first failure when all
 * have ended.
 */
export async function inTurn(works: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const work of works) await work().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
