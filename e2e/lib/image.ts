import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runCommand } from "./command.ts";
import { type TarEntry, writeTar } from "../../agent/commands/bundle/tar.ts";

export interface ImageInput {
  /** Full reference, such as `localhost/pause:test`. */
  readonly reference: string;
  readonly entrypoint: readonly string[];
  /** Arguments where the pod names none. */
  readonly command?: readonly string[];
  readonly files: readonly TarEntry[];
}

/**
 * An image with one layer as an OCI layout in a tar archive (image-spec: image-layout.md), as `ctr images
 * import` takes it.
 */
export function buildImage({ reference, entrypoint, command = [], files }: ImageInput): Uint8Array {
  const platform = { architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" };
  const layer = blob("application/vnd.oci.image.layer.v1.tar", writeTar(files));
  const config = jsonBlob("application/vnd.oci.image.config.v1+json", {
    ...platform,
    config: { Entrypoint: entrypoint, Cmd: command, Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [layer.descriptor.digest] },
  });
  const manifest = jsonBlob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: config.descriptor,
    layers: [layer.descriptor],
  });
  const annotations = {
    "io.containerd.image.name": reference,
    "org.opencontainers.image.ref.name": reference,
  };
  const index = { schemaVersion: 2, manifests: [{ ...manifest.descriptor, platform, annotations }] };
  return writeTar([
    jsonFile("oci-layout", { imageLayoutVersion: "1.0.0" }),
    jsonFile("index.json", index),
    ...[layer, config, manifest].map(({ descriptor, content }): TarEntry => {
      return { type: "file", name: `blobs/${descriptor.digest.replace(":", "/")}`, mode: 0o644, content };
    }),
  ]);
}

/** The sandbox image: nothing but a static program that waits. */
export async function buildPauseImage(reference: string): Promise<Uint8Array> {
  const source = join(import.meta.dirname, "pause.c");
  return buildProgramImage({ reference, source, entrypoint: ["/pause"] });
}

/** An image of one program in C, which lies in the root folder under its source's name. */
export async function buildProgramImage(
  input: Pick<ImageInput, "reference" | "entrypoint"> & { readonly source: string },
): Promise<Uint8Array> {
  const { reference, source, entrypoint } = input;
  const folder = mkdtempSync(join(tmpdir(), "causeway-image-"));
  try {
    const name = basename(source, ".c");
    const program = join(folder, name);
    await compileStatic(source, program);
    return buildImage({ reference, entrypoint, files: [executable(name, program)] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compiles one file in C into a static program. */
export async function compileStatic(source: string, program: string): Promise<void> {
  const options = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror"];
  await runCommand(["musl-gcc", ...options, "-o", program, source]);
}

/** A container that sleeps, with every applet of busybox to be run in it. */
export async function buildBusyboxImage(reference: string, busybox: string): Promise<Uint8Array> {
  const applets = (await runCommand([busybox, "--list"])).trim().split("\n");
  const links = applets
    .filter((name) => name !== "busybox")
    .map((name): TarEntry => ({ type: "symlink", name: `bin/${name}`, target: "busybox" }));
  const folders = ["bin", "etc", "proc", "sys", "tmp"].map((name): TarEntry => {
    return { type: "directory", name, mode: 0o755 };
  });
  const entrypoint = ["/bin/sleep", "100000"];
  return buildImage({
    reference,
    entrypoint,
    files: [...folders, executable("bin/busybox", busybox), ...links],
  });
}

interface Blob {
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly content: Uint8Array;
}

function blob(mediaType: string, content: Uint8Array): Blob {
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { descriptor: { mediaType, digest, size: content.length }, content };
}

function jsonBlob(mediaType: string, value: object): Blob {
  return blob(mediaType, Buffer.from(JSON.stringify(value)));
}

function jsonFile(name: string, value: object): TarEntry {
  return { type: "file", name, mode: 0o644, content: Buffer.from(JSON.stringify(value)) };
}

/** A program of this machine as a file of an image. */
export function executable(name: string, source: string): TarEntry {
  return { type: "file", name, mode: 0o755, content: readFileSync(source) };
}
