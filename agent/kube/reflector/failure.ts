import { type ApiError, explainError } from "../api/api-error.ts";
import type { Run, Stage } from "./run.ts";

/**
 * Whether only a list can go on after a failed watch. Not after a cut, nor while the server is away or
 * refuses us: then the old version is as good as before, and thousands of agents that list at the same moment
 * would keep the server from recovering.
 */
export function needsList(stage: Stage, { status, reason }: ApiError): boolean {
  if (stage === "list") return true;
  if (reason === "Garbage") return true;
  if (status === undefined) return false;
  if (stage === "stream") return true;
  return status < 500 && status !== 401 && status !== 403 && status !== 429;
}

/**
 * Servers without streaming lists refuse their parameters: 422 without the feature gate WatchList, 400 in
 * front of some proxies.
 */
export function isStreamRefusal({ status }: ApiError): boolean {
  return status === 422 || status === 400;
}

export function describeFailure<T>({ stage, title, options }: Run<T>, error: ApiError): string {
  const { kind, consequence } = options;
  const verb = stage === "list" ? "list" : "watch";
  const { resource, group } = kind;
  const cause = explainError(error, { verbs: ["list", "watch"], resource, group });
  return `Cannot ${verb} ${title}: ${cause}${consequence === undefined ? "" : `; ${consequence}`}`;
}
