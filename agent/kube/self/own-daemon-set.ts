import type { Clock } from "../../lib/clock.ts";
import { isObject } from "../../lib/json.ts";
import type { ApiClient } from "../api/api-client.ts";
import type { Log } from "../log.ts";
import { metadataOf, type Scope, type WatchedKind } from "../reflector/kind.ts";
import { listObjects } from "../reflector/read/list-objects.ts";
import { createReflector } from "../reflector/reflector.ts";
import { guarded } from "../reflector/read/watchdog.ts";

export interface OwnDaemonSetOptions {
  readonly client: ApiClient;
  /** `NAMESPACE/NAME` of the DaemonSet whose pod the agent is. */
  readonly daemonSet: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Tells an uninstallation from a restart (docs/uninstall.md). */
export interface OwnDaemonSet {
  /**
   * Whether the DaemonSet was seen to be there and then to go, and none of its name is there now. Silence,
   * refusals and "not found" alone are no evidence: false. Takes at most 2 s, and no time at all while the
   * DaemonSet is there.
   */
  isDeleted(): Promise<boolean>;
  /**
   * Whether the DaemonSet was seen to say that its agents enforce network policies ({@link
   * POLICIES_ANNOTATION}), and does not say so any more: the next agent of this node is of a release without,
   * or is told not to, and would leave what drops.
   */
  endsPolicies(): boolean;
  close(): Promise<void>;
}

/** With propagation policy Foreground the object stays, marked, until its pods are gone. */
interface Presence {
  readonly isLeaving: boolean;
  readonly enforcesPolicies: boolean;
}

/** Of a DaemonSet whose agents enforce network policies. */
const POLICIES_ANNOTATION = "causeway.io/network-policies";

/** The object's metadata is enough: the status of a DaemonSet changes with every pod of it. */
const DAEMON_SETS: WatchedKind<Presence> = {
  kind: "DaemonSet",
  resource: "daemonsets",
  group: "apps",
  noun: "DaemonSet",
  isMetadataOnly: true,
  project: (raw) => ({
    kind: "usable",
    object: { isLeaving: isLeaving(raw), enforcesPolicies: enforcesPolicies(raw) },
  }),
  isSame: (a, b) => a.isLeaving === b.isLeaving && a.enforcesPolicies === b.enforcesPolicies,
};

/**
 * A DaemonSet seldom changes; but an uninstallation that comes while an agent waits goes unseen, so after an
 * outage of the API none waits long.
 */
const MAX_WAIT_MS = 60_000;
const CONFIRM_MS = 2000;

/**
 * Watches the agent's own DaemonSet. Asked only at SIGTERM it could not tell: by then its account and
 * permissions are mostly deleted with it. A watch has seen it go before that.
 */
export function watchOwnDaemonSet({ daemonSet, ...options }: OwnDaemonSetOptions): OwnDaemonSet {
  const { client, clock, log } = options;
  const [namespace = "", name = ""] = daemonSet.split("/");
  const scope: Scope = {
    path: `/apis/apps/v1/namespaces/${namespace}/daemonsets`,
    fieldSelector: `metadata.name=${name}`,
  };
  const reflector = createReflector({
    ...options,
    kind: DAEMON_SETS,
    scope,
    title: `DaemonSet "${daemonSet}"`,
    consequence: "the agent keeps its host files when it stops",
    maxWaitMs: MAX_WAIT_MS,
    onChange: note,
  });
  let state: "unknown" | "missing" | "there" | "gone" = "unknown";
  let policies: "unknown" | "enforced" | "ended" = "unknown";

  /** One that was never there is not gone: its name may be misspelt. */
  function note(): void {
    if (!reflector.isComplete()) return;
    const found = [...reflector.objects().values()].find((presence) => !presence.isLeaving);
    if (found !== undefined) {
      state = "there";
      notePolicies(found);
    } else if (state === "there") {
      state = "gone";
      log.warn(
        { daemonSet },
        "The agent's DaemonSet was deleted: the agent removes its host files when it stops",
      );
    } else if (state === "unknown") {
      state = "missing";
      log.warn({}, `Cannot find DaemonSet "${daemonSet}": the agent keeps its host files when it stops`);
    }
  }

  function notePolicies({ enforcesPolicies: isEnforced }: Presence): void {
    if (isEnforced) policies = "enforced";
    else if (policies === "enforced") {
      policies = "ended";
      log.info(
        { daemonSet },
        "The next agents enforce no network policies: this one removes its when it stops",
      );
    }
  }

  return {
    endsPolicies: () => policies === "ended",
    async isDeleted() {
      if (state !== "gone") return false;
      // One that was made again serves this node from now on. Who refuses to answer was deleted along with
      // it.
      return isThereNow({ client, clock, scope }).then(
        (isThere) => !isThere,
        () => true,
      );
    },
    close: () => reflector.close(),
  };
}

async function isThereNow({
  client,
  clock,
  scope,
}: Pick<OwnDaemonSetOptions, "client" | "clock"> & { readonly scope: Scope }): Promise<boolean> {
  let isThere = false;
  const { signal: closing } = new AbortController();
  await guarded({ clock, closing, silenceMs: CONFIRM_MS, totalMs: CONFIRM_MS }, ({ signal, touch }) =>
    listObjects({
      client,
      kind: DAEMON_SETS,
      scope,
      signal,
      onProgress: () => touch(),
      onObject: (raw) => (isThere ||= !isLeaving(raw)),
    }),
  );
  return isThere;
}

function enforcesPolicies(object: unknown): boolean {
  const { annotations } = metadataOf(object);
  return isObject(annotations) && annotations[POLICIES_ANNOTATION] === "enforced";
}

function isLeaving(object: unknown): boolean {
  return typeof metadataOf(object)["deletionTimestamp"] === "string";
}
