import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { CniCommand } from "../cni/request/request.ts";
import { type CniServer, startCniServer } from "../cni/server.ts";
import { type Commands, createCommands } from "../cni/verbs/commands.ts";
import { createDrift, type Drift } from "../reconcile/runner/drift.ts";
import type { Base } from "./base.ts";
import { createRest } from "./memory/rest.ts";
import { giveMemoryBack, keepMemory } from "./memory/v8-flags.ts";
import type { Reconcilers } from "./reconcilers.ts";
import type { Source } from "./source.ts";
import { warmUp } from "./warm-up/warm-up.ts";

/** Commands after which the kernel's notifications are about our own doing. */
const CHANGING: ReadonlySet<CniCommand> = new Set(["ADD", "DEL", "GC"]);

/** Serves the shim, once the node can have pods. */
export interface PodService {
  /** What the kernel tells of pods, most of which is the service's own doing. */
  readonly drift: Drift;
  isServing(): boolean;
  /** Listens for the shim. */
  start(): void;
  /** Rehearses ADDs, the first time: to be called when the agent is ready and nothing is urgent. */
  warmUp(): void;
  /** Listens again where somebody has taken the socket away: an agent that nobody reaches is none. */
  ensureSocket(): Promise<void>;
  /** Requests that are served, and those that wait for a place. */
  load(): { readonly inWork: number; readonly waiting: number };
  stop(): Promise<void>;
}

export function createPodService(base: Base, source: Source, reconcilers: Reconcilers): PodService {
  const { config, log, clock, runs } = base;
  let server: CniServer | undefined;
  const load = () => ({ inWork: server?.inWork() ?? 0, waiting: server?.waiting() ?? 0 });
  const isBusy = () => load().inWork > 0;
  const drift = createDrift({
    clock,
    isBusy,
    trigger: () => runs.trigger("all"),
  });
  const stopping = new AbortController();
  const rest = createRest({ clock, isBusy, begin: giveMemoryBack, end: keepMemory }, stopping.signal);
  const serveCommand = createServe(base, source, reconcilers);
  const commands: Commands = async (request, caller) => {
    if (request.command === "ADD") rest.disturb();
    try {
      return await serveCommand(request, caller);
    } finally {
      if (CHANGING.has(request.command)) drift.changed();
    }
  };
  const start = (): void => {
    server = listen(base, commands);
    base.readiness.set("socket", undefined);
  };
  let isWarm = false;
  return {
    drift,
    isServing: () => server !== undefined,
    start,
    warmUp() {
      if (isWarm) return;
      isWarm = true;
      // A node that has got an agent often gets pods next.
      rest.disturb();
      void warmUp({ clock, isBusy }, stopping.signal);
    },
    load,
    async ensureSocket() {
      if (existsSync(config.socket)) return;
      log.warn({ socket: config.socket }, "The socket is gone; listening again");
      await server?.stop();
      start();
    },
    async stop() {
      stopping.abort();
      await server?.stop();
    },
  };
}

function listen(
  { config, log, native, metrics, activity, failingPods }: Base,
  commands: Commands,
): CniServer {
  mkdirSync(dirname(config.socket), { recursive: true, mode: 0o700 });
  return startCniServer({
    transport: native,
    socket: config.socket,
    commands,
    log,
    monotonicNs: process.hrtime.bigint,
    observe(call) {
      metrics.observeRequest(call.command, call.code, call.ms / 1000);
      activity.served(call);
      failingPods.served(call);
    },
  });
}

function createServe(base: Base, source: Source, { node, cluster, policies }: Reconcilers): Commands {
  const { config, log, clock } = base;
  const warn = source.warn("AnnotationIgnored");
  return createCommands(
    {
      ...base,
      policies,
      bridge: config.bridge,
      allowSourceSpoofing: config.allowSourceSpoofing,
      onIgnoredSetting: once((note) => {
        log.warn({}, note);
        warn(note);
      }),
      clusterCidrs: cluster.clusterCidrs,
      mtu: node.mtu,
      nowMs: clock.nowMs,
    },
    base.collection,
  );
}

/** Tells a note once, however often it comes; after a thousand others it may be told again. */
function once(tell: (note: string) => void): (note: string) => void {
  const told = new Set<string>();
  return (note) => {
    if (told.has(note)) return;
    if (told.size === 1000) told.clear();
    told.add(note);
    tell(note);
  };
}
