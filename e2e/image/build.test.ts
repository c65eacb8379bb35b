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
