import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, createApiClient } from "../../../kube/api/api-client.ts";
import { createCredentials } from "../../../kube/api/credentials.ts";
import { createFakeClock, type FakeClock } from "../../fake-clock.ts";
import { createRecordingLog, type RecordingLog } from "../../recording-log.ts";
import { type ApiServer, type ApiServerOptions, startApiServer } from "../api-server.ts";
import { writeKubeconfig } from "../kubeconfig.ts";

/** A local API server with a client, and what the client's user needs: a clock that only moves when told. */
export interface TestApi {
  readonly server: ApiServer;
  readonly client: ApiClient;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly folder: string;
  /** After whoever uses the client. */
  close(): Promise<void>;
}

export interface TestApiOptions extends ApiServerOptions {
  /** Keys of the kubeconfig's user. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** Before there is a client. */
  readonly prepare?: (server: ApiServer, folder: string) => void;
}

export async function startTestApi({ user, prepare, ...options }: TestApiOptions = {}): Promise<TestApi> {
  const server = await startApiServer(options);
  const folder = mkdtempSync(join(tmpdir(), "causeway-kube-"));
  prepare?.(server, folder);
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig({ path: kubeconfig, server: server.url, user: user ?? { token: "secret" } });
  const client = createApiClient({
    credentials: createCredentials({ kubeconfig }),
    userAgent: "causeway/test",
  });
  return {
    server,
    client,
    clock: createFakeClock(),
    log: createRecordingLog(),
    folder,
    async close() {
      client.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
