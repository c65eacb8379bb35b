import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { isObject } from "../../lib/json.ts";
import { type ApiClient, createApiClient } from "../../kube/api/api-client.ts";
import { createCredentials } from "../../kube/api/credentials.ts";
import { objectKey, type WatchedKind } from "../../kube/reflector/kind.ts";
import type { ObjectChange } from "../../kube/reflector/object-store.ts";
import { createFakeClock, type FakeClock } from "../fake-clock.ts";
import { createRecordingLog, type RecordingLog } from "../recording-log.ts";
import { type ApiServer, type ApiServerOptions, startApiServer } from "./api-server.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { ObjectStore } from "./resources/object-store.ts";
import { PODS } from "./resources/resource.ts";

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
  const server = await startApiServer(options);
  const folder = mkdtempSync(join(tmpdir(), "causeway-kind-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: server.url, user: { token: "secret" } });
  const client = createApiClient({
    credentials: createCredentials({ kubeconfig }),
    userAgent: "causeway/test",
  });
  const heard: string[] = [];
  const followed: { close(): Promise<void> }[] = [];
  t.after(async () => {
    await Promise.all(followed.map((each) => each.close()));
    client.close();
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return {
    server,
    pods: server.serve(PODS),
    options: {
      client,
      clock: createFakeClock(),
      log: createRecordingLog(),
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
