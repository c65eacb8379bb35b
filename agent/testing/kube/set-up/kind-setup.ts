import type { TestContext } from "node:test";
import { isObject } from "../../../lib/json.ts";
import type { ApiClient } from "../../../kube/api/api-client.ts";
import { objectKey, type WatchedKind } from "../../../kube/reflector/kind.ts";
import type { ObjectChange } from "../../../kube/reflector/object-store.ts";
import type { FakeClock } from "../../fake-clock.ts";
import type { RecordingLog } from "../../recording-log.ts";
import type { ApiServer, ApiServerOptions } from "../api-server.ts";
import type { ObjectStore } from "../resources/object-store.ts";
import { PODS } from "../resources/resource.ts";
import { startTestApi } from "./test-api.ts";

/** What tests keep of a Pod. */
export interface TestPod {
  readonly key: string;
  readonly address: string;
}

export const POD_KIND: WatchedKind<TestPod> = {
  kind: "Pod",
  resource: "pods",
  group: "",
  noun: "pod",
  project(raw) {
    const address = isObject(raw) && isObject(raw["status"]) ? raw["status"]["podIP"] : undefined;
    if (typeof address !== "string") return { kind: "malformed", reason: "status.podIP is not a string" };
    return { kind: "usable", object: { key: objectKey(raw) ?? "", address } };
  },
  isSame: (a, b) => a.key === b.key && a.address === b.address,
};

/** An API server with pods, and what a reflector of them needs, on a clock that only moves when told. */
export interface KindSetup {
  readonly server: ApiServer;
  readonly pods: ObjectStore;
  readonly options: {
    readonly client: ApiClient;
    readonly clock: FakeClock;
    readonly log: RecordingLog;
    readonly random: () => number;
    readonly kind: WatchedKind<TestPod>;
    readonly onChange: (changes: readonly ObjectChange<TestPod>[]) => void;
  };
  /** Changes since it was called last, as `TYPE KEY BEFORE → AFTER`. */
  changes(): readonly string[];
  /** Ends it before the server, at the end of the test. */
  closing(followed: { close(): Promise<void> }): void;
}

export async function setUpKind(t: TestContext, options: ApiServerOptions = {}): Promise<KindSetup> {
  const api = await startTestApi(options);
  const { server, client, clock, log } = api;
  const heard: string[] = [];
  const followed: { close(): Promise<void> }[] = [];
  t.after(async () => {
    await Promise.all(followed.map((each) => each.close()));
    await api.close();
  });
  return {
    server,
    pods: server.serve(PODS),
    options: {
      client,
      clock,
      log,
      random: () => 0.5,
      kind: POD_KIND,
      onChange: (changes) => heard.push(...changes.map(describe)),
    },
    changes: () => heard.splice(0),
    closing: (each) => followed.push(each),
  };
}

/** Pod `NAMESPACE/NAME` with labels, on a node. */
export function putPod(pods: ObjectStore, key: string, address: string, more: PodMore = {}): void {
  const [namespace = "", name = ""] = key.split("/");
  pods.put(key, {
    metadata: { namespace, name, labels: more.labels ?? {} },
    spec: { nodeName: more.node ?? "node-1" },
    status: { podIP: address },
  });
}

export interface PodMore {
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: string;
}

function describe(change: ObjectChange<TestPod>): string {
  const before = "before" in change ? (change.before?.address ?? "") : "";
  const after = "after" in change ? change.after.address : "";
  return `${change.type} ${change.key} ${before}→${after}`;
}
