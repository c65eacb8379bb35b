import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startApiServer } from "../../testing/kube/api-server.ts";
import { writeKubeconfig } from "../../testing/kube/kubeconfig.ts";
import { createSelfSigned } from "../../testing/kube/self-signed.ts";
import { createApiClient, drain } from "./api-client.ts";
import { type Credentials, createCredentials } from "./credentials.ts";
import { NODES_PATH } from "../nodes/node-reflector.ts";

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "causeway-credentials-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const authorization = async (credentials: Credentials): Promise<string | undefined> =>
  (await credentials.forRequest()).headers["Authorization"];

test("createCredentials() gives server and token of a kubeconfig, without final slash", async (t) => {
  const path = join(tempFolder(t), "kubeconfig");
  writeKubeconfig({ path, server: "https://192.0.2.1:6443/k8s/", user: { token: "secret" } });
  const { server, headers, proxyAgent } = await createCredentials({ kubeconfig: path }).forRequest();
  assert.equal(server, "https://192.0.2.1:6443/k8s");
  assert.deepEqual(headers, { Authorization: "Bearer secret" });
  assert.equal(proxyAgent, undefined);
});

test("createCredentials() reads a token file beside the kubeconfig, which wins over a token, and again after forget()", async (t) => {
  const folder = tempFolder(t);
  const path = join(folder, "kubeconfig");
  writeFileSync(join(folder, "token"), "one\n");
  writeKubeconfig({ path, server: "https://192.0.2.1", user: { token: "fixed", tokenFile: "token" } });
  const credentials = createCredentials({ kubeconfig: path });
  assert.equal(await authorization(credentials), "Bearer one");
  writeFileSync(join(folder, "token"), "two\n");
  assert.equal(await authorization(credentials), "Bearer one");
  credentials.forget();
  assert.equal(await authorization(credentials), "Bearer two");
});

test("createCredentials() takes the service account of the pod, and apiServer instead of the service (aws/amazon-vpc-cni-k8s#625)", async (t) => {
  const serviceAccountRoot = tempFolder(t);
  const folder = join(serviceAccountRoot, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "token"), "from-kubelet");
  writeFileSync(join(folder, "ca.crt"), "a certificate");
  const apiServer = "https://192.0.2.9:6443/";
  const { server, headers, tls } = await createCredentials({ serviceAccountRoot, apiServer }).forRequest();
  assert.equal(server, "https://192.0.2.9:6443");
  assert.equal(headers["Authorization"], "Bearer from-kubelet");
  assert.equal(String(tls.ca), "a certificate");
});

test("createCredentials() says what is missing", async (t) => {
  const folder = tempFolder(t);
  await assert.rejects(createCredentials({ kubeconfig: join(folder, "none") }).forRequest(), /ENOENT.*none/);
  const path = join(folder, "kubeconfig");
  for (const [text, message] of [
    ["7", /is not a kubeconfig$/],
    ["{}", /^Error: the kubeconfig has no current cluster$/],
    ["clusters: [{name: a}]", /clusters\[0\]\.cluster is missing/],
  ] as const) {
    writeFileSync(path, text);
    await assert.rejects(createCredentials({ kubeconfig: path }).forRequest(), (error) => {
      assert.match(String(error), message);
      return true;
    });
  }
  await assert.rejects(
    createCredentials({ serviceAccountRoot: folder }).forRequest(),
    /KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set/,
  );
});

test("createApiClient() trusts the CA of the kubeconfig only, and follows a CA that was rotated", async (t) => {
  const folder = tempFolder(t);
  const path = join(folder, "kubeconfig");
  const [first, second] = [createSelfSigned(), createSelfSigned()];
  const server = await startApiServer({ tls: first });
  t.after(server.close);
  writeFileSync(join(folder, "ca.crt"), second.cert);
  writeKubeconfig({ path, server: server.url, cluster: { "certificate-authority": "ca.crt" } });
  const client = createApiClient({
    credentials: createCredentials({ kubeconfig: path }),
    userAgent: "causeway/test",
  });
  t.after(() => client.close());
  const send = async (): Promise<void> => {
    const signal = AbortSignal.timeout(5000);
    await drain(await client.send({ method: "GET", path: NODES_PATH, signal }));
  };
  await assert.rejects(send(), { name: "ApiError", status: undefined });
  writeFileSync(join(folder, "ca.crt"), first.cert);
  await send();
});
