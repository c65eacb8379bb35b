import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { makeFolder, writePrograms } from "../lib/fake-programs.ts";
import { REPOSITORY } from "../lib/tools.ts";

const SCRIPTS = [
  ...["apt.sh", "lock.sh", "npm.sh"].map((name) => join("e2e/lib", name)),
  ...["base.sh", "build.sh", "buildah.sh", "ensure.sh"].map((name) => join("e2e/image", name)),
  ...["make-boot.sh", "make-root.sh"].map((name) => join("e2e/kernels", name)),
];

/**
 * Images are files named after them, and a fault is a file of its name. What a build says that it is built on
 * is in "bases".
 */
const PROGRAMS = {
  id: "echo 0",
  "apt-get": "echo http://mirror.example/debian stable",
  debootstrap: 'mkdir -p "$4"/usr/local/{bin,lib/node_modules} "$4/etc/apt/sources.list.d"',
  npm: `case $1 in
pack) mkdir -p package/bin; tar -czf npm.tgz package; rm -r package ;;
*) echo http://registry.example/ ;;
esac`,
  buildah: `echo "$*" >>"$FAKE/calls"
file() { echo "$FAKE/images/\${1//\\//+}"; }
case $* in
inspect*) [ -e "$(file "\${!#}")" ] ;;
from*) echo container ;;
mount*) echo "$FAKE/root" ;;
commit*) touch "$(file "\${!#}")" ;;
images*) ls "$FAKE/images" | tr + / | grep '^localhost/node:' ;;
rmi\\ localhost*) rm "$(file "$2")" ;;
bud*)
  sed 's/.*NODE_IMAGE=\\([^ ]*\\).*/\\1/' <<<"$*" >>"$FAKE/bases"
  if [ -e "$FAKE/edit" ]; then rm "$FAKE/edit" && touch agent/edit.ts; fi ;;
push*)
  archive=\${!#}
  archive=\${archive#oci-archive:}
  echo "a part" >"\${archive%%:*}"
  if [ -e "$FAKE/push-fails" ]; then exit 1; fi
  echo "another part" >>"\${archive%%:*}" ;;
esac`,
};

/** The scripts that make images, and files made from them, in a repository of their own, without buildah. */
export function setUpScripts(t: TestContext, programs: Readonly<Record<string, string>> = {}) {
  const fake = makeFolder(t);
  const repository = join(fake, "repository");
  const bin = join(fake, "bin");
  for (const folder of ["images", "root/opt/causeway", "repository/agent"])
    mkdirSync(join(fake, folder), { recursive: true });
  for (const script of SCRIPTS) {
    mkdirSync(dirname(join(repository, script)), { recursive: true });
    copyFileSync(join(REPOSITORY, script), join(repository, script));
  }
  writePrograms(bin, { ...PROGRAMS, ...programs });
  writePrograms(join(repository, "e2e/lib"), { "packages.sh": "exit 0" });
  const cache = join(fake, "cache");
  const env = {
    ...process.env,
    PATH: `${bin}:${dirname(process.execPath)}:${process.env["PATH"]}`,
    FAKE: fake,
    CAUSEWAY_CACHE: cache,
    CAUSEWAY_OWN_MOUNTS: "1",
  };
  const lines = (name: string): readonly string[] => {
    const path = join(fake, name);
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  };
  const scripts = {
    repository,
    cache,
    set: (name: string) => writeFileSync(join(fake, name), ""),
    images: () => readdirSync(join(fake, "images")).map((name) => name.replaceAll("+", "/")),
    /** What each build was built on. */
    bases: () => lines("bases"),
    /** What buildah was called with. */
    calls: () => lines("calls"),
    /** Says in package.json, or in node_modules, which Node it is. */
    require: (version: string) =>
      writeFileSync(
        join(repository, "package.json"),
        JSON.stringify({ version: "0.1.0", devDependencies: { node: version } }),
      ),
    install: (version: string) =>
      writePrograms(join(repository, "node_modules/node/bin"), { node: `echo v${version}` }),
    run(script: string, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
      const { status, stdout, stderr } = spawnSync(join(repository, script), args, {
        encoding: "utf8",
        env: { ...env, ...more },
      });
      return { code: status, stdout, stderr };
    },
  };
  scripts.require("24.1.0");
  scripts.install("24.1.0");
  return scripts;
}
