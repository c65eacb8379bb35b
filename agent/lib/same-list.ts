/** Whether two lists have the same items in the same order; objects are compared by identity. */
export function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Whether what is found has all that is planned, in depth; what the plan leaves open may be anything. */
export function agrees(planned: object, found: object): boolean {
  if (planned === found) return true;
  for (const name in planned) {
    const value: unknown = planned[name as keyof typeof planned];
    const other: unknown = found[name as keyof typeof found];
    if (value === undefined || value === other) continue;
    if (typeof value !== "object" || typeof other !== "object" || value === null || other === null)
      return false;
    if (!agrees(value, other)) return false;
  }
  return true;
}
