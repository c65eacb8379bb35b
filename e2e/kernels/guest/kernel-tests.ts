/**
 * Kernel tests in a guest, as `npm run test:kernel` has them: each file in network and mount namespaces of
 * its own, and with CAP_NET_ADMIN alone. One after the other, and what they print comes at once: a guest that
 * says nothing for long has hung. Exit code 1 unless all passed.
 * usage: node kernel-tests.ts GROUP|FILE...   FILE: below agent/, without its ending
 */
import { spawnSync } from "node:child_process";
import { CALLING_BRIDGES, GROUPS } from "../kernel-test-files.ts";

const asked = process.argv.slice(2);
const files = asked.flatMap((name) => GROUPS[name] ?? [name]);
// The first makes /dev/net/tun. With the other, bridges call the packet filter, as on many nodes: some tests
// set whether they do. The other groups show what is so without it.
const modules = ["tun", ...(asked.some((name) => CALLING_BRIDGES.includes(name)) ? ["br_netfilter"] : [])];
for (const module of modules)
  if (spawnSync("modprobe", [module], { stdio: "inherit" }).status !== 0)
    throw new Error(`Cannot load the module "${module}"`);
const failed = files.filter((file) => {
  console.log(`# ${file}`);
  const runner = ["agent/testing/runner/kernel-test-file.ts", `agent/${file}.netns.test.ts`];
  // In a user namespace, as there: what only the machine's root may do, as setting a larger buffer, tests
  // may not either.
  const command = ["-r", "-n", "-m", "--kill-child", process.execPath, ...runner];
  return spawnSync("unshare", command, { stdio: "inherit" }).status !== 0;
});
for (const file of failed) console.log(`failed: ${file}`);
process.exitCode = failed.length === 0 ? 0 : 1;
