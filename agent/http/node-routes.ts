import type { Metrics } from "../metrics/metrics.ts";
import type { Readiness } from "../lib/readiness.ts";
import { type Answer, type Handler, textAnswer } from "./server/answer.ts";
import { ageOf, collectOnce } from "./collect-once.ts";

export interface NodeRoutesInput {
  readonly readiness: Pick<Readiness, "isReady" | "reasons" | "warnings">;
  readonly metrics: Pick<Metrics, "expose">;
  readonly nowMs: () => number;
}

/**
 * What machines ask: /metrics, /healthz (the process runs) and /readyz (pods can start; else 503 and the
 * reasons, one a line). Warnings are told either way.
 */
export function nodeRoutes({
  readiness,
  metrics,
  nowMs,
}: NodeRoutesInput): Readonly<Record<string, Handler>> {
  const collect = collectOnce(async () => {
    const { contentType, text } = await metrics.expose();
    return textAnswer(200, text, contentType);
  }, nowMs);
  return {
    "/metrics": async () => {
      const collected = await collect();
      const { headers, ...answer } = collected.value;
      return { ...answer, headers: { ...headers, ...ageOf(collected) } };
    },
    "/healthz": () => textAnswer(200, "ok\n"),
    "/readyz": () => readyAnswer(readiness),
  };
}

function readyAnswer(readiness: NodeRoutesInput["readiness"]): Answer {
  const lines = [
    ...(readiness.isReady() ? ["ok"] : readiness.reasons().map(({ part, reason }) => `${part}: ${reason}`)),
    ...readiness.warnings().map(({ part, reason }) => `warning: ${part}: ${reason}`),
  ];
  return textAnswer(readiness.isReady() ? 200 : 503, lines.map((line) => `${line}\n`).join(""));
}
