import type { Config } from "../../settings/config.ts";
import { type ApiClient, createApiClient } from "../api/api-client.ts";
import { createCredentials } from "../api/credentials.ts";
import { createNodeEvents, type NodeEvents } from "../self/events.ts";
import { createNodeCondition } from "../self/node-condition.ts";
import { createKeyPublisher, type KeyPublisher } from "../keys/key-publisher.ts";
import { createNodeReflector } from "./node-reflector.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../log.ts";
import type { NodeView } from "./node-view.ts";
import { watchNodesFile } from "./nodes-file.ts";
import { watchOwnDaemonSet } from "../self/own-daemon-set.ts";

export interface OpenNodeViewInput {
  readonly config: Pick<
    Config,
    | "standalone"
    | "nodesFile"
    | "nodeName"
    | "kubeconfig"
    | "apiServer"
    | "nodeEvents"
    | "nodeCondition"
    | "daemonSet"
  >;
  /** Version of the agent, for the API server's audit log. */
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** Where the agent learns of nodes, and where it tells operators about its own. */
export interface OpenedNodeView {
  readonly view: NodeView;
  /** Asks the API server, until `close`; undefined in standalone mode. */
  readonly client: ApiClient | undefined;
  /** Address of the API server, once it has answered; undefined in standalone mode. */
  readonly apiServer: () => string | undefined;
  /**
   * Nobody listens in standalone mode, or where the configuration says so: the log and /readyz say the same.
   */
  readonly report: NodeEvents["report"];
  /** What our own Node is to say of its WireGuard key; of no effect in standalone mode. */
  readonly publishKey: KeyPublisher["publish"];
  /** The node serves pods: where the configuration says so, its Node object is told. */
  readonly ready: () => void;
  /**
   * Whether the agent is being uninstalled, as opposed to restarted: see {@link OwnDaemonSet.isDeleted}. To
   * be asked before `close`.
   */
  readonly isUninstalled: () => Promise<boolean>;
  /**
   * Whether the next agent of this node enforces no network policies: see {@link OwnDaemonSet.endsPolicies}.
   */
  readonly endsPolicies: () => boolean;
  close(): Promise<void>;
}

/**
 * Opens the source that the configuration names: the nodes file, or the Node objects of the Kubernetes API.
 */
export function openNodeView(input: OpenNodeViewInput): OpenedNodeView {
  const { config, version, log, clock, onChange } = input;
  if (config.nodesFile !== undefined) {
    const view = watchNodesFile({ path: config.nodesFile, log, clock, onChange });
    return {
      view,
      client: undefined,
      apiServer: () => undefined,
      report: () => undefined,
      publishKey: () => undefined,
      ready: () => undefined,
      isUninstalled: () => Promise.resolve(false),
      endsPolicies: () => false,
      close: () => view.close(),
    };
  }
  const { nodeName, kubeconfig, apiServer, daemonSet } = config;
  const credentials = createCredentials({ kubeconfig, apiServer });
  const client = createApiClient({ credentials, userAgent: `causeway/${version}` });
  const view = createNodeReflector({ client, nodeName, log, clock, onChange, random: Math.random });
  const nodeUid = (): string | undefined => view.nodes().get(nodeName)?.uid;
  const events = config.nodeEvents
    ? createNodeEvents({ client, nodeName, nodeUid, clock, dateMs: Date.now, log })
    : undefined;
  const condition = config.nodeCondition
    ? createNodeCondition({ client, nodeName, nodeUid, clock, dateMs: Date.now, log, random: Math.random })
    : undefined;
  const key = createKeyPublisher({
    client,
    nodeName,
    nodeUid,
    published: () => view.nodes().get(nodeName)?.wireguard,
    clock,
    log,
    random: Math.random,
  });
  const own =
    daemonSet === undefined
      ? undefined
      : watchOwnDaemonSet({ client, daemonSet, clock, log, random: Math.random });
  return {
    view,
    client,
    apiServer: client.server,
    isUninstalled: () => own?.isDeleted() ?? Promise.resolve(false),
    endsPolicies: () => own?.endsPolicies() ?? false,
    report: (event) => events?.report(event),
    publishKey: key.publish,
    ready: () => condition?.ready(),
    async close() {
      await Promise.all([view.close(), events?.close(), condition?.close(), key.close(), own?.close()]);
      client.close();
    },
  };
}
