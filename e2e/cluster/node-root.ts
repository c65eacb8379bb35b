import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const FOLDERS = [
  "dev",
  "etc/cni/net.d",
  "etc/containerd",
  "etc/kubernetes",
  "machine",
  "opt/cni/bin",
  "opt/containerd",
  "opt/kubernetes",
  "opt/runc",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "usr",
  "var/lib/kubelet",
  "var/log/containers",
  "var/log/pods",
];

/** What programs of the machine's /usr look for. */
const ETC = ["alternatives", "group", "ld.so.cache", "nsswitch.conf", "passwd", "protocols", "services"];

/**
 * Makes a node's file system below `root`: its own but for /usr, which the machine lends. It survives what
 * the node does.
 */
export function makeNodeRoot(root: string, files: Readonly<Record<string, string>>): void {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  for (const folder of ["bin", "lib", "lib64", "sbin"]) symlinkSync(`usr/${folder}`, join(root, folder));
  symlinkSync("/run", join(root, "var/run"));
  for (const name of ETC) {
    const source = join("/etc", name);
    if (existsSync(source))
      cpSync(source, join(root, "etc", name), { recursive: true, verbatimSymlinks: true });
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}
