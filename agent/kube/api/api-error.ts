/**
 * An answer of the API server that is not the wanted one, or no answer at all. The message is the cause only:
 * callers say what failed.
 */
export class ApiError extends Error {
  /** HTTP status, or the code of a Status object inside a watch; undefined when no answer came. */
  readonly status: number | undefined;
  /** What to compare: the `reason` of a Status object, an errno name, or a word of ours such as "Garbage". */
  readonly reason: string;
  /** How long the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ApiError";
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export interface ApiErrorDetails {
  readonly reason: string;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Longest part of a server's own words in a message. */
const MAX_MESSAGE_LENGTH = 300;

/**
 * 410: the version or continue token is older than the server's history (Kubernetes API concepts, "410 Gone
 * responses").
 */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

/** The answer was understood by nobody: only a new list tells what is true. */
export function garbageError(what: string, cause?: unknown): ApiError {
  return new ApiError(what, { reason: "Garbage", cause });
}

/**
 * Error from a Status object (meta/v1), as the body of an answer or the object of an ERROR event; `status`
 * and `text` serve where the object has nothing to say.
 */
export function statusError(
  object: unknown,
  { status, text, retryAfterMs }: { status?: number; text: string; retryAfterMs?: number | undefined },
): ApiError {
  const { code, reason, message, kind } = (
    typeof object === "object" && object !== null ? object : {}
  ) as Readonly<Record<string, unknown>>;
  const isStatus = kind === "Status";
  const number = status ?? (isStatus && typeof code === "number" ? code : undefined);
  const words = isStatus && typeof message === "string" ? `: ${cleanText(message)}` : "";
  return new ApiError(`${number === undefined ? "" : `${number} `}${text}${words}`, {
    reason: isStatus && typeof reason === "string" && reason !== "" ? reason : text,
    status: number,
    retryAfterMs,
  });
}

/** Any thrown value as an ApiError, so that one kind of error is to be judged. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof Error)) return new ApiError(cleanText(String(error)), { reason: "Unknown" });
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  // An AggregateError of several addresses that were tried has no message of its own.
  const message = error.message === "" ? code : cleanText(error.message);
  return new ApiError(message, { reason: code, cause: error });
}

/** A right of the agent's account (RBAC). */
export interface NeededRight {
  readonly verbs: readonly string[];
  readonly resource: string;
  readonly group: string;
}

/** What an error says, and the right that the agent's account lacks when the server forbids something. */
export function explainError({ message, status }: ApiError, { verbs, resource, group }: NeededRight): string {
  if (status !== 403) return message;
  const names = verbs.map((verb) => `"${verb}"`).join(" and ");
  const what = `${verbs.length === 1 ? "verb" : "verbs"} ${names} on the resource "${resource}"`;
  return `${message} (the agent's account needs the ${what} of API group "${group}")`;
}

/** The same for errors of one kind, whatever their text. */
export function keyOfError({ status, reason }: ApiError): string {
  return `${status ?? ""} ${reason}`;
}

/** One line without control characters, cut to a bearable length. */
function cleanText(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length <= MAX_MESSAGE_LENGTH ? line : `${line.slice(0, MAX_MESSAGE_LENGTH)}…`;
}
