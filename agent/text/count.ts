/** 1234567 as "1,234,567", whatever the machine's locale. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 pod", "2 pods", "1,000 pods"; `many` where the plural is not the noun and an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
