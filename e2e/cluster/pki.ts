import { join } from "node:path";
import { runCommand } from "../lib/command.ts";

/** Paths of a cluster's certificates and keys, all by one authority. */
export interface Pki {
  readonly authority: string;
  readonly server: KeyPair;
  /** With which the API server speaks to kubelets. */
  readonly kubeletClient: KeyPair;
  readonly serviceAccountKey: string;
}

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

/** Makes them in a folder; the server's certificate is for these addresses and the name "kubernetes". */
export async function createPki(folder: string, serverAddresses: readonly string[]): Promise<Pki> {
  const pairOf = (name: string): KeyPair => ({
    certificate: join(folder, `${name}.crt`),
    key: join(folder, `${name}.key`),
  });
  const request = async ({ certificate, key }: KeyPair, more: readonly string[]): Promise<void> => {
    await runCommand(["openssl", "req", "-x509", ...NEW_KEY, "-keyout", key, "-out", certificate, ...more]);
  };
  const authority = pairOf("authority");
  await request(authority, ["-subj", "/CN=causeway-e2e"]);
  const sign = async (name: string, subject: string, extensions: readonly string[]): Promise<KeyPair> => {
    const pair = pairOf(name);
    const signer = ["-CA", authority.certificate, "-CAkey", authority.key];
    const added = ["basicConstraints=critical,CA:FALSE", ...extensions].flatMap((text) => ["-addext", text]);
    await request(pair, [...signer, "-subj", subject, ...added]);
    return pair;
  };
  const names = ["DNS:kubernetes", ...serverAddresses.map((address) => `IP:${address}`)].join();
  const serviceAccountKey = join(folder, "service-account.key");
  await runCommand([
    "openssl",
    "ecparam",
    "-name",
    "prime256v1",
    "-genkey",
    "-noout",
    "-out",
    serviceAccountKey,
  ]);
  return {
    authority: authority.certificate,
    server: await sign("server", "/CN=kubernetes", [`subjectAltName=${names}`]),
    kubeletClient: await sign("kubelet-client", "/O=system:masters/CN=kube-apiserver", [
      "extendedKeyUsage=clientAuth",
    ]),
    serviceAccountKey,
  };
}
