import { writeFileSync } from "node:fs";
import { stringify } from "yaml";

export interface KubeconfigInput {
  readonly path: string;
  readonly server: string;
  /** Keys of the user: token, tokenFile, client-certificate and so on. */
  readonly user?: Readonly<Record<string, unknown>>;
  /** More keys of the cluster. */
  readonly cluster?: Readonly<Record<string, unknown>>;
}

/**
 * Writes a kubeconfig for one server. Plain HTTP needs `insecure-skip-tls-verify`, or client-node refuses it.
 */
export function writeKubeconfig({ path, server, user = {}, cluster = {} }: KubeconfigInput): void {
  const insecure = server.startsWith("http:") ? { "insecure-skip-tls-verify": true } : {};
  writeFileSync(
    path,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster: { server, ...insecure, ...cluster } }],
      users: [{ name: "agent", user }],
      contexts: [{ name: "test", context: { cluster: "test", user: "agent" } }],
      "current-context": "test",
    }),
  );
}
