import { isMap, isScalar, type Pair, parseDocument } from "yaml";

/** The part of a JSON schema that says where values of the chart end and those of Kubernetes begin. */
export interface ValuesSchema {
  readonly properties?: Readonly<Record<string, ValuesSchema | undefined>>;
}

/**
 * The values of a chart as a Markdown table, from values.yaml with its comments. `leaveOut`: top-level keys
 * that are told elsewhere. Objects of which the schema knows no keys are one value.
 */
export function documentValues(text: string, schema: ValuesSchema, leaveOut: ReadonlySet<string>): string {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error("Cannot document values: they are no mapping");
  const pairs = (contents.items as Pair[]).filter((pair) => !leaveOut.has(keyOf(pair)));
  const rows = pairs.flatMap((pair) => describePair(pair, commentOf(pair), "", schema));
  return ["| value | default | |", "|---|---|---|", ...rows].join("\n");
}

function describePair(pair: Pair, comment: string, prefix: string, schema: ValuesSchema): string[] {
  const path = `${prefix}${keyOf(pair)}`;
  const inner = schema.properties?.[keyOf(pair)];
  const map = pair.value;
  if (!isMap(map) || map.items.length === 0 || inner?.properties === undefined)
    return [`| \`${path}\` | \`${JSON.stringify(valueOf(pair))}\` | ${comment} |`];
  const head = comment === "" ? [] : [`| \`${path}\` | | ${comment} |`];
  const rows = map.items.flatMap((item, index) => {
    // The parser takes what stands above the first key for a comment on the mapping.
    const own = index === 0 ? oneLine(map.commentBefore) : commentOf(item);
    return describePair(item, own, `${path}.`, inner);
  });
  return [...head, ...rows];
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function valueOf({ value }: Pair): unknown {
  return (value as { toJSON(): unknown } | null)?.toJSON() ?? null;
}

function commentOf({ key }: Pair): string {
  return oneLine(isScalar(key) ? key.commentBefore : undefined);
}

function oneLine(comment: string | null | undefined): string {
  return (comment ?? "")
    .replaceAll(/\s*\n\s*/g, " ")
    .trim()
    .replaceAll("|", "\\|");
}
