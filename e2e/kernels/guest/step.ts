/** Runs one step of a guest's program, and tells its outcome in a line that e2e/kernels/guest.ts reads. */
export async function step(name: string, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
    console.log(`ok - ${name}`);
  } catch (error) {
    process.exitCode = 1;
    const reason = error instanceof Error ? error.message : String(error);
    console.log(`not ok - ${name}: ${reason.replaceAll("\n", " ")}`);
  }
}
