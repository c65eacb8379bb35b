import { existsSync } from "node:fs";

/** Path of a file that ships beside the bundle; a program run from source takes it from dist/. */
export function shippedFile(name: string): URL {
  const beside = new URL(`./${name}`, import.meta.url);
  return existsSync(beside) ? beside : new URL(`../../dist/${name}`, import.meta.url);
}
