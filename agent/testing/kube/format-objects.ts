/** Objects as an objects file has them. */
export function formatObjects(objects: readonly object[]): string {
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}
