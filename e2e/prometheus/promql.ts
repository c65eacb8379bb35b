import { parser } from "@prometheus-io/lezer-promql";

/** What a PromQL expression asks for. */
export interface Query {
  /** Names of the metrics that it selects. */
  readonly metrics: readonly string[];
  /** Names of the labels that it matches, groups by or ignores. */
  readonly labels: readonly string[];
}

/** Grafana's stand-ins, which its data source replaces before Prometheus sees them. */
export function replaceMacros(
  expression: string,
  { interval = "5m", node = ".*", cluster = ".*" } = {},
): string {
  return expression
    .replaceAll("$__rate_interval", interval)
    .replaceAll("$node", node)
    .replaceAll("$cluster", cluster);
}

/** Reads an expression with the grammar of Prometheus's own editor; throws where it is none. */
export function readQuery(expression: string): Query {
  const metrics: string[] = [];
  const labels: string[] = [];
  parser.parse(expression).iterate({
    enter({ name, from, to, type }) {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`Cannot parse "${expression}": error at ${from}`);
      if (name === "Identifier") metrics.push(text);
      if (name === "LabelName") labels.push(text);
    },
  });
  return { metrics, labels };
}
