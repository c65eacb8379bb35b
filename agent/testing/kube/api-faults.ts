import type { IncomingMessage, ServerResponse } from "node:http";
import { resetConnection } from "./reset-connection.ts";

/** What the server does wrong, until told otherwise. */
export type ApiFault =
  | {
      readonly kind: "status";
      readonly code: number;
      readonly reason: string;
      readonly message: string;
      readonly retryAfterS?: number;
    }
  /** Anything else that a server, or a proxy in front of it, may answer. */
  | { readonly kind: "body"; readonly code: number; readonly type: string; readonly body: string }
  /** Continue tokens are too old as soon as they are used. */
  | { readonly kind: "expire" }
  /** The connection is reset instead of an answer. */
  | { readonly kind: "reset" }
  /** The request is read and never answered. */
  | { readonly kind: "hang" };

/** Status object (meta/v1) of a failure. */
export function statusObject({
  code,
  reason,
  message,
}: {
  code: number;
  reason: string;
  message: string;
}): object {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code };
}

export function sendStatus(
  response: ServerResponse,
  status: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly retryAfterS?: number;
  },
): void {
  const headers = status.retryAfterS === undefined ? {} : { "retry-after": String(status.retryAfterS) };
  response.writeHead(status.code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(statusObject(status)));
}

/** Answers a request as the fault wants it. */
export function misbehave(
  fault: Exclude<ApiFault, { kind: "expire" }>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  switch (fault.kind) {
    case "status":
      return sendStatus(response, fault);
    case "body":
      response.writeHead(fault.code, { "content-type": fault.type });
      response.end(fault.body);
      return;
    case "reset":
      resetConnection(request.socket);
      return;
    case "hang":
      return;
  }
}

/** Faults by verb and resource; undefined ends one. */
export interface Faults {
  set(verb: string, plural: string, fault: ApiFault | undefined): void;
  get(verb: string, plural: string): ApiFault | undefined;
}

export function createFaults(): Faults {
  const faults = new Map<string, ApiFault>();
  return {
    set(verb, plural, fault) {
      if (fault === undefined) faults.delete(`${verb} ${plural}`);
      else faults.set(`${verb} ${plural}`, fault);
    },
    get: (verb, plural) => faults.get(`${verb} ${plural}`),
  };
}
