import type { RequestListener } from "node:http";
import { type ApiFault, createFaults, type Faults, misbehave, sendStatus } from "./api-faults.ts";
import { createDaemonSets, type DaemonSets } from "./daemon-sets.ts";
import { listen, type ListenOptions } from "./listen.ts";
import { createNodeStore, type NodeStore } from "./node-store.ts";
import type { ObjectStore } from "./resources/object-store.ts";
import {
  DAEMON_SETS,
  definitionOf,
  DEFINITIONS,
  NAMESPACES,
  NETWORK_POLICIES,
  NODES,
  PODS,
  type Resource,
} from "./resources/resource.ts";
import {
  createResourceServer,
  type ResourceServer,
  type ResourceServerOptions,
} from "./resources/resource-server.ts";
import {
  type ApiVerb,
  isWiderThanAllowed,
  namesAsked,
  readRequest,
  type SeenRequest,
} from "./seen-request.ts";
import { createWrites, type Writes } from "./writes.ts";

export interface ApiServerOptions extends ListenOptions, ResourceServerOptions {
  /** Interval of bookmarks; without it they are sent by {@link ApiServer.sendBookmarks} only. */
  readonly bookmarkMs?: number;
}

/**
 * A local Kubernetes API server: real HTTP, real list and watch semantics with selectors, faults on demand.
 * Nodes, DaemonSets, definitions, pods, namespaces and NetworkPolicies are there from the start. Where a
 * resource can be named, it is the nodes that are meant by default.
 */
export interface ApiServer extends Pick<Writes, "events" | "patches"> {
  readonly url: string;
  readonly store: NodeStore;
  readonly daemonSets: DaemonSets;
  /** All requests so far. */
  readonly requests: readonly SeenRequest[];
  /** Objects of a kind that is served. */
  objects(plural: string): ObjectStore;
  /** Serves another kind from now on, by a CustomResourceDefinition where it needs one; gives its objects. */
  serve(resource: Resource): ObjectStore;
  /** Serves a kind no more (404), ends its watches, and removes its definition. */
  withdraw(plural: string): void;
  /**
   * Sets what goes wrong with a verb; undefined ends it. A fault of "list" is one of streaming lists, too.
   */
  setFault(verb: ApiVerb, fault: ApiFault | undefined, plural?: string): void;
  /** Refuses all other tokens with 401; undefined lets everybody in. */
  requireToken(token: string | undefined): void;
  watchers(plural?: string): number;
  sendBookmarks(): void;
  /** Bytes to all watchers, whatever they may be. */
  sendRaw(text: string, plural?: string): void;
  /** "cut" resets the connections of all watchers, "end" ends their answers cleanly. */
  endWatches(how: "cut" | "end", plural?: string): void;
  close(): Promise<void>;
}

/** What requests meet. */
interface State {
  readonly options: ApiServerOptions;
  readonly servers: Map<string, ResourceServer>;
  readonly writes: Writes;
  readonly faults: Faults;
  readonly requests: SeenRequest[];
  token: string | undefined;
}

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const nodes = createResourceServer(NODES, options);
  const daemonSets = createResourceServer(DAEMON_SETS, options);
  const policyObjects = [PODS, NAMESPACES, NETWORK_POLICIES].map((kind) =>
    createResourceServer(kind, options),
  );
  const definitions = createResourceServer(DEFINITIONS, options);
  const servers = new Map(
    [nodes, daemonSets, definitions, ...policyObjects].map((server) => [server.resource.plural, server]),
  );
  const serverOf = (plural = NODES.plural): ResourceServer => servers.get(plural) ?? nodes;
  const writes = createWrites(nodes.objects);
  const state: State = { options, servers, writes, faults: createFaults(), requests: [], token: undefined };
  const setFault: ApiServer["setFault"] = (verb, fault, plural = NODES.plural) => {
    if (verb === "list") serverOf(plural).expire(fault?.kind === "expire");
    state.faults.set(verb, plural, fault);
  };
  const { url, close } = await listen(createHandler(state), options);
  const sendBookmarks = (): void => servers.forEach((server) => server.sendBookmarks());
  const { bookmarkMs } = options;
  const bookmarkTimer = bookmarkMs === undefined ? undefined : setInterval(sendBookmarks, bookmarkMs);
  return {
    url,
    store: createNodeStore(nodes.objects),
    daemonSets: createDaemonSets({
      server: daemonSets,
      setFault: (fault) =>
        (["list", "watch"] as const).forEach((verb) => setFault(verb, fault, DAEMON_SETS.plural)),
      asked: () => namesAsked(state.requests),
    }),
    requests: state.requests,
    events: writes.events,
    patches: writes.patches,
    objects: (plural) => serverOf(plural).objects,
    serve(resource) {
      const server = createResourceServer(resource, options);
      servers.set(resource.plural, server);
      const name = definitionOf(resource);
      const generation = definitions.objects.version();
      if (name !== undefined) definitions.objects.put(name, { metadata: { name, generation } });
      return server.objects;
    },
    withdraw(plural) {
      const server = servers.get(plural);
      server?.endWatches("end");
      servers.delete(plural);
      const name = server && definitionOf(server.resource);
      if (name !== undefined) definitions.objects.remove(name);
    },
    setFault,
    requireToken(wanted) {
      state.token = wanted;
    },
    watchers: (plural) => serverOf(plural).watchers(),
    sendBookmarks,
    sendRaw: (text, plural) => serverOf(plural).sendRaw(text),
    endWatches: (how, plural) => serverOf(plural).endWatches(how),
    async close() {
      clearInterval(bookmarkTimer);
      await close();
    },
  };
}

function createHandler(state: State): RequestListener {
  const { servers, writes, requests } = state;
  return (request, response) => {
    const seen = readRequest(request);
    const { verb, path, collection, authorization } = seen;
    requests.push(seen);
    if (state.token !== undefined && authorization !== `Bearer ${state.token}`)
      return sendStatus(response, { code: 401, reason: "Unauthorized", message: "Unauthorized" });
    const fault = faultOf(state, seen);
    if (fault !== undefined && fault.kind !== "expire") return misbehave(fault, request, response);
    if (verb === "patch") return void writes.patchStatus(path, request, response);
    if (verb === "apply") return void writes.applyNode(seen, request, response);
    if (verb === "create") return void writes.createEvent(request, response);
    const server = servers.get(collection?.plural ?? "");
    if (verb === "other" || server === undefined || server.resource.apiVersion !== collection?.apiVersion)
      return sendStatus(response, { code: 404, reason: "NotFound", message: `no such path ${path}` });
    if (isWiderThanAllowed(seen))
      return sendStatus(response, { code: 403, reason: "Forbidden", message: `${path} is forbidden` });
    return server.answer({ ...seen, verb, namespace: collection.namespace }, response);
  };
}

function faultOf({ faults, options }: State, { verb, collection }: SeenRequest): ApiFault | undefined {
  const plural = collection?.plural ?? NODES.plural;
  if (verb !== "stream") return faults.get(verb, plural);
  return (options.streaming ?? "refused") === "refused" ? undefined : faults.get("list", plural);
}
