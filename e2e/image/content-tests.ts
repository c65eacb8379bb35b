import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../lib/tools.ts";
import { documentedCommands } from "./documented-commands.ts";
import { type ArchivedImage, readArchive } from "./read-archive.ts";
import type { TarMember } from "./read-tar.ts";

/** Unpacked, in megabytes of a million bytes. */
const MAX_IMAGE_MB = 250;
const MAX_BEYOND_BASE_MB = 15;

/**
 * Where a container's programs are looked for without a setting of its own (containerd's
 * oci.WithDefaultPathEnv).
 */
const PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** What the file of the program may hold of: no compiler, no package manager of a language, no debugger. */
const BUILD_TOOLS = /\/(g?cc|g\+\+|c\+\+|clang|make|ld|as|python3?|npm|npx|yarn|git|gdb)(-\d+)?$/;

interface Bill {
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly hashes: readonly object[];
  }[];
}

/** What is in the image, without running it. */
export function testContent(archive: string): void {
  const image = readArchive(readFileSync(archive));
  const [base = [], ...own] = image.layers;
  const added = own.flat();

  test("the image is small: at most 250 MB, of which at most 15 MB are beyond its base", (t) => {
    const sizes = { all: megabytes(image.layers.flat()), beyondBase: megabytes(added) };
    t.diagnostic(
      `unpacked ${sizes.all} MB, beyond the base ${sizes.beyondBase} MB; packed ${packed(archive)} MB`,
    );
    assert.ok(sizes.all <= MAX_IMAGE_MB && sizes.beyondBase <= MAX_BEYOND_BASE_MB, JSON.stringify(sizes));
  });

  test("the image starts the agent without a shell, and tells what it is", () => {
    const { User, Entrypoint, Cmd, Labels } = image.config;
    assert.deepEqual(
      { User, Entrypoint, Cmd },
      {
        User: "0:0",
        Entrypoint: ["/usr/local/bin/node", "/opt/causeway/causeway.mjs"],
        Cmd: ["agent"],
      },
    );
    const { version } = readJson(join(REPOSITORY, "package.json")) as { version: string };
    assert.equal(Labels["org.opencontainers.image.title"], "causeway");
    assert.equal(Labels["org.opencontainers.image.version"], version);
    assert.equal(Labels["org.opencontainers.image.licenses"], "Apache-2.0");
    assert.match(Labels["org.opencontainers.image.revision"] ?? "", /^[0-9a-f]{40}$/);
    assert.ok((Labels["org.opencontainers.image.description"] ?? "") !== "");
  });

  test("the image's Node is the one that package.json names", () => {
    const { devDependencies } = readJson(join(REPOSITORY, "package.json")) as {
      devDependencies: { node: string };
    };
    // Where its source is: in process.release.
    const [, version] =
      /\/node-v([\d.]+)\.tar\.gz/.exec(find(base, "usr/local/bin/node").content.toString("latin1")) ?? [];
    assert.equal(version, devDependencies.node);
  });

  test("the image adds the program, its addon, its shim, what it says of itself, and Debian's nftables", () => {
    const ours = added.filter(({ name, type }) => type === "file" && name.includes("causeway"));
    assert.deepEqual(ours.map(({ name, mode }) => `${name} ${(mode & 0o7777).toString(8)}`).toSorted(), [
      "opt/causeway/bin/causeway 755",
      "opt/causeway/causeway.mjs 644",
      "opt/causeway/kernel.node 755",
      "usr/local/bin/causeway 755",
      "usr/share/doc/causeway/LICENSE 644",
      "usr/share/doc/causeway/THIRD-PARTY-LICENSES 644",
      "usr/share/doc/causeway/sbom.cdx.json 644",
    ]);
    assert.ok(added.some(({ name }) => name === "usr/sbin/nft"));
  });

  test("commands that the docs run inside of the agent's container name programs and files that the image has", () => {
    const files = new Map(image.layers.flat().map((member) => [`/${member.name}`, member]));
    const isProgram = (path: string): boolean => {
      const { type, mode = 0 } = files.get(path) ?? {};
      return type === "symlink" || (type === "file" && (mode & 0o111) === 0o111);
    };
    const commands = documentedCommands();
    assert.ok(commands.length >= 7, "the commands are found");
    const wrong = commands.filter(({ program, args }) => {
      const places = program.includes("/")
        ? [resolve("/", program)]
        : PATH.map((folder) => join(folder, program));
      const script = program === "node" ? args[0] : undefined;
      return !places.some(isProgram) || (script !== undefined && !files.has(resolve("/", script)));
    });
    assert.deepEqual(wrong, []);
  });

  test("the image adds no build tool, no node_modules, nothing with more rights and nothing of others", () => {
    for (const { name, mode, uid, gid } of added) {
      assert.ok(!BUILD_TOOLS.test(`/${name}`) && !name.includes("node_modules"), name);
      assert.equal(mode & 0o6000, 0, `${name} has set-user-ID or set-group-ID`);
      assert.deepEqual([uid, gid], [0, 0], name);
    }
  });

  test("the image's program is the one that this repository builds to", () => {
    for (const [inside, built] of [
      ["opt/causeway/causeway.mjs", "dist/causeway.mjs"],
      ["opt/causeway/bin/causeway", "dist/bin/causeway"],
    ] as const) {
      const content = find(added, inside)
        .content.toString("latin1")
        .replace(/\n\/\/# sourceMappingURL=.*/, "");
      const here = readFileSync(join(REPOSITORY, built), "latin1").replace(/\n\/\/# sourceMappingURL=.*/, "");
      assert.equal(sum(content), sum(here), inside);
    }
  });

  test("the bill of materials names what the lock file says of each package in the program", () => {
    const bill = JSON.parse(find(added, "usr/share/doc/causeway/sbom.cdx.json").content.toString()) as Bill;
    const { packages } = readJson(join(REPOSITORY, "package-lock.json")) as {
      packages: Record<string, { version: string; dev?: boolean } | undefined>;
    };
    for (const { name, version } of bill.components)
      assert.equal(packages[`node_modules/${name}`]?.version, version, name);
    const named = new Set(bill.components.map(({ name }) => name));
    const { dependencies } = readJson(join(REPOSITORY, "package.json")) as { dependencies: object };
    for (const name of Object.keys(dependencies)) assert.ok(named.has(name), name);
    const licenses = find(added, "usr/share/doc/causeway/THIRD-PARTY-LICENSES").content.toString();
    for (const { name, version } of bill.components)
      assert.ok(licenses.includes(`\n${name} ${version} (`), name);
  });
}

function megabytes(members: readonly TarMember[]): number {
  return Math.round(members.reduce((bytes, { content }) => bytes + content.length, 0) / 1e5) / 10;
}

function packed(archive: string): number {
  return Math.round(readFileSync(archive).length / 1e5) / 10;
}

function find(members: ArchivedImage["layers"][number], path: string): TarMember {
  const member = members.find(({ name }) => name === path);
  if (member === undefined) throw new Error(`There is no "${path}" in the image`);
  return member;
}

function sum(content: string): string {
  return createHash("sha256").update(content, "latin1").digest("hex");
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
