/** The release script up to the push, with a real helm and a key that is thrown away. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const REPOSITORY = join(import.meta.dirname, "..");
const RELEASE = join(REPOSITORY, "dist/release");
const KEY = "Causeway test key";

/** helm of `npm run e2e:chart`, or of the machine. */
const cached = join(process.env["CAUSEWAY_CACHE"] ?? join(REPOSITORY, ".cache"), "helm-3/helm");
const helm = existsSync(cached) ? cached : "helm";
const hasHelm = spawnSync(helm, ["version"]).status === 0;
const hasGpg = spawnSync("gpg", ["--version"]).status === 0;
const skip = hasHelm && hasGpg ? false : "helm or gpg is not on this machine: npm run e2e:chart fetches helm";

const folder = mkdtempSync(join(tmpdir(), "release-"));
after(() => rmSync(folder, { recursive: true }));

function run(environment: NodeJS.ProcessEnv, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(join(import.meta.dirname, "release.sh"), args, {
    encoding: "utf8",
    env: { ...process.env, HELM: helm, GO: "no-go", IMAGE: join(folder, "image.tar"), ...environment },
  });
  return { code: status, stdout, stderr };
}

test("release prepare signs chart and checksums, and says what it leaves out", { skip }, () => {
  const home = mkdtempSync(join(folder, "gnupg-"));
  const gpg = (...args: readonly string[]): Buffer =>
    execFileSync("gpg", ["--batch", "--quiet", "--homedir", home, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
  gpg("--passphrase", "", "--quick-generate-key", KEY, "rsa2048", "sign", "never");
  const keyring = join(folder, "keyring");
  writeFileSync(keyring, gpg("--export-secret-keys"));
  writeFileSync(join(folder, "image.tar"), "an image");
  const { code, stderr } = run({ GPG_KEY: KEY, GPG_KEYRING: keyring, GNUPGHOME: home }, "prepare");
  spawnSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
  assert.equal(code, 0, stderr);
  for (const line of stderr.split("\n").filter((text) => text.startsWith("left out")))
    assert.match(line, /there is no (cosign|no-go)/);
  assert.deepEqual(
    readdirSync(RELEASE).toSorted((one, two) => one.localeCompare(two)),
    [
      "causeway-0.1.0.image.tar",
      "causeway-0.1.0.tgz",
      "causeway-0.1.0.tgz.prov",
      "sbom.cdx.json",
      "SHA256SUMS",
      "SHA256SUMS.asc",
      "THIRD-PARTY-LICENSES",
    ],
  );
  assert.equal(spawnSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: RELEASE }).status, 0);
});

test("release prepare without a key and an image says so", { skip }, () => {
  rmSync(join(folder, "image.tar"), { force: true });
  const { code, stderr } = run({ GPG_KEY: "" }, "prepare");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /left out: the chart's signature: GPG_KEY names no key/);
  assert.match(stderr, /left out: the image: there is no /);
});

test("release push refuses while example.com stands for the project's address", () => {
  const { code, stderr } = run({}, "push", "registry.example.com/causeway");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^release: example\.com stands for the project's address in Chart\.yaml or SECURITY\.md/,
  );
});

test("shellcheck has nothing to say about the release script", (context) => {
  if (spawnSync("shellcheck", ["--version"]).status !== 0)
    return context.skip("shellcheck is not on this machine");
  execFileSync("shellcheck", [join(import.meta.dirname, "release.sh")], { encoding: "utf8" });
});
