import type { Clock } from "../../lib/clock.ts";
import type { ApiClient } from "../api/api-client.ts";
import type { Log } from "../log.ts";

/** What is needed to say something about our own Node. */
export interface OwnNodeOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  /** UID of the Node object; undefined while it is not known. */
  readonly nodeUid: () => string | undefined;
  readonly clock: Clock;
  /** Wall-clock time for what is said. */
  readonly dateMs: () => number;
  readonly log: Log;
}
