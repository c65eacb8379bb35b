/** Room for an interface name or a mapped port; a longer value would hide the cause behind it. */
const MAX_LENGTH = 128;

/** Each takes two characters at least: no more of them fit. */
const MAX_ENTRIES = MAX_LENGTH / 2 + 1;

/** Lists and objects inside one another: YAML has some that hold themselves. */
const MAX_DEPTH = 3;

/** A value from outside for a message, as JSON. Its author decides how long and how deep it is. */
export function showValue(value: unknown): string {
  const text = write(value, MAX_DEPTH);
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}…`;
}

function write(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_LENGTH));
  if (typeof value !== "object" || value === null) return String(value);
  if (depth === 0) return Array.isArray(value) ? "[…]" : "{…}";
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ENTRIES).map((item) => write(item, depth - 1));
    return `[${items.join(",")}]`;
  }
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return `{${entries.map(([key, item]) => `${write(key, 0)}:${write(item, depth - 1)}`).join(",")}}`;
}
