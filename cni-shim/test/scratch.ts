import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder that is removed at the end of the `using` block. */
export function makeScratch(): Disposable & { file(name: string): string } {
  const folder = mkdtempSync(join(tmpdir(), "shim-"));
  return {
    file: (name) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
