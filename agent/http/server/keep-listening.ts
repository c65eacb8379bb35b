import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { HttpServer } from "./http-server.ts";

export interface KeepListeningInput {
  /** Throws where it cannot listen. */
  readonly start: () => HttpServer;
  readonly clock: Pick<Clock, "after">;
  /** Hears why nothing listens, at each attempt; undefined once somebody does. */
  readonly onFault: (reason: string | undefined) => void;
}

const RETRY_MS = 5000;

/**
 * Listens as soon as that is possible: a port that somebody else has is no reason to leave pods without a
 * network.
 */
export function keepListening({ start, clock, onFault }: KeepListeningInput): {
  /** Undefined while nothing listens. */
  port(): number | undefined;
  close(): void;
} {
  let server: HttpServer | undefined;
  let cancel: () => void = () => undefined;

  function attempt(): void {
    try {
      server = start();
      onFault(undefined);
    } catch (error) {
      cancel = clock.after(RETRY_MS, attempt);
      onFault(messageOf(error));
    }
  }

  attempt();
  return {
    port: () => server?.port,
    close() {
      cancel();
      server?.close();
    },
  };
}
