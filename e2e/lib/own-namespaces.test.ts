import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const SCRIPT = join(import.meta.dirname, "own-namespaces.sh");

/** Runs the script as root of a user namespace, below which there may be no other. */
function runWithoutUserNamespaces(
  asWhom: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const prepare = "echo 0 >/proc/sys/user/max_user_namespaces";
  const command = `${prepare} && exec ${asWhom} ${SCRIPT} ip -o link`;
  return new Promise((resolve) => {
    execFile("unshare", ["-rn", "sh", "-c", command], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("the demo's namespaces need no user namespace when root makes them", async () => {
  const { code, stdout, stderr } = await runWithoutUserNamespaces("");
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  assert.match(stdout, /^1: lo: /);
});

test("root is not told to run as root where user namespaces are off, but what is missing, and why", async () => {
  const { code, stderr } = await runWithoutUserNamespaces("setpriv --bounding-set=-sys_admin");
  assert.equal(code, 1);
  assert.doesNotMatch(stderr, /run as root/);
  assert.match(stderr, /CAP_SYS_ADMIN[^]*unshare: .*Operation not permitted/);
});
