import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { type TarMember, readTar } from "./read-tar.ts";

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

/** An image as an OCI archive holds it. */
export interface ArchivedImage {
  readonly architecture: string;
  readonly config: ImageConfig;
  /** What each layer adds, the base's first. */
  readonly layers: readonly (readonly TarMember[])[];
}

interface Descriptor {
  readonly digest: string;
}

/**
 * Reads an OCI layout with one image (image-spec: image-layout.md); throws when a blob is not what its digest
 * says.
 */
export function readArchive(archive: Buffer): ArchivedImage {
  const files = new Map(readTar(archive).map((member) => [member.name.replace(/^\.\//, ""), member]));
  const blob = ({ digest }: Descriptor): Buffer => {
    const content = files.get(`blobs/${digest.replace(":", "/")}`)?.content;
    if (content === undefined) throw new Error(`The archive lacks the blob ${digest}`);
    const sum = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    if (sum !== digest) throw new Error(`The blob ${digest} has the digest ${sum}`);
    return content;
  };
  const index = parse(files.get("index.json")?.content) as { manifests: readonly [Descriptor] };
  const manifest = parse(blob(index.manifests[0])) as { config: Descriptor; layers: readonly Descriptor[] };
  const { architecture, config } = parse(blob(manifest.config)) as Pick<
    ArchivedImage,
    "architecture" | "config"
  >;
  return { architecture, config, layers: manifest.layers.map((layer) => readTar(gunzipSync(blob(layer)))) };
}

function parse(content: Buffer | undefined): unknown {
  if (content === undefined) throw new Error("The archive has no index.json");
  return JSON.parse(content.toString("utf8"));
}
