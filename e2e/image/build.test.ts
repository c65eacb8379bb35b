/** The scripts that build the image, without buildah. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setUpScripts } from "./fake-buildah.ts";

const BUILD = "e2e/image/build.sh";

test("a push that fails leaves the archive as it was, and no other", (t) => {
  const scripts = setUpScripts(t);
  const dist = join(scripts.repository, "dist");
  const archive = join(dist, "image.tar");
  const { code, stderr } = scripts.run(BUILD);
  assert.equal(code, 0, stderr);
  assert.equal(readFileSync(archive, "utf8"), "a part\nanother part\n");
  writeFileSync(archive, "old");
  scripts.set("push-fails");
  assert.notEqual(scripts.run(BUILD).code, 0);
  assert.equal(readFileSync(archive, "utf8"), "old");
  assert.deepEqual(readdirSync(dist), ["image.tar"]);
});

test("another Node, and another way to make it, makes another base image, once", (t) => {
  const scripts = setUpScripts(t);
  for (const version of ["24.1.0", "24.1.0", "24.2.0"]) {
    scripts.require(version);
    scripts.install(version);
    const { code, stderr } = scripts.run(BUILD);
    assert.equal(code, 0, stderr);
  }
  const script = join(scripts.repository, "e2e/image/base.sh");
  writeFileSync(script, `${readFileSync(script, "utf8")}# Another.\n`);
  assert.equal(scripts.run(BUILD).code, 0);
  const [old = "", newer = "", newest = "", ...more] = new Set(scripts.bases());
  assert.deepEqual(more, []);
  assert.match(old, /^localhost\/node:24\.1\.0-bookworm-/);
  assert.match(newer, /^localhost\/node:24\.2\.0-bookworm-/);
  assert.match(newest, /^localhost\/node:24\.2\.0-bookworm-/);
  assert.equal(scripts.calls().filter((call) => call.startsWith("commit")).length, 3);
  assert.deepEqual(scripts.images(), [newest]);
});

test("no base image has another Node than package.json names", (t) => {
  const scripts = setUpScripts(t);
  scripts.require("24.2.0");
  const { code, stderr } = scripts.run(BUILD);
  assert.equal(code, 1);
  assert.equal(stderr, "image: node_modules has Node 24.1.0, and package.json names 24.2.0: run npm ci\n");
  assert.deepEqual(scripts.images(), []);
});

test("a build removes what a killed one has left, its own containers and the images that it replaces", (t) => {
  const scripts = setUpScripts(t);
  const work = join(scripts.cache, "containers", "work");
  const left = join(work, "tmp", "buildah123");
  mkdirSync(left, { recursive: true });
  const { code, stderr } = scripts.run(BUILD);
  assert.equal(code, 0, stderr);
  assert.equal(existsSync(work), false);
  const verbs = scripts.calls().map((call) => call.replace(/ (?!--all|--prune).*/, ""));
  assert.deepEqual(
    verbs.filter((verb) => /^(bud|rm|rmi|push)/.test(verb)),
    ["rm --all", "bud", "rmi --prune", "bud", "rmi --prune", "push", "rm --all"],
  );
});

test("what changes during a build is built the next time", (t) => {
  const scripts = setUpScripts(t);
  const ensure = "e2e/image/ensure.sh";
  const builds = (): number => {
    const { code, stderr } = scripts.run(ensure);
    assert.equal(code, 0, stderr);
    return scripts.calls().filter((call) => call.startsWith("push")).length;
  };
  scripts.set("edit");
  assert.deepEqual([builds(), builds(), builds()], [1, 2, 2]);
});
