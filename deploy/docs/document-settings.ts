import * as v from "valibot";
import type { Option } from "../../agent/settings/schemas.ts";

/** The agent's settings as a Markdown table. */
export function documentSettings(options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(([key, { flag, schema, value, help, multiple }]) => {
    const takes = `${value.replaceAll("|", "\\|")}${multiple === true ? ", repeated; a list in the file" : ""}`;
    return `| \`${key}\` | \`--${flag}\` | ${takes} | ${describeDefault(schema)} | ${help.replaceAll("|", "\\|")} |`;
  });
  return ["| key of the file | flag | takes | default | does |", "|---|---|---|---|---|", ...rows].join("\n");
}

function describeDefault(schema: v.GenericSchema): string {
  const value = v.getDefault(schema as v.OptionalSchema<v.GenericSchema, unknown>);
  if (value === undefined) return "";
  if (Array.isArray(value) && value.length === 0) return "none";
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
