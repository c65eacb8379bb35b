/**
 * Whatever doctor and trace print as a remedy can be pasted as it is: each command of each remedy is read by
 * a real shell, its program exists, and that program itself, in a namespace that has nothing, understands the
 * arguments.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeNetns, type Netns } from "../../testing/machine/netns.ts";
import { privileged } from "../../testing/runner/privileged.ts";
import { REMEDIES } from "../../testing/agent/remedies.ts";

/** What a program says of arguments that it does not understand. */
const COMPLAINTS: Readonly<Record<string, RegExp>> = {
  ip: /garbage|unknown|not complete|is expected|invalid|usage|duplicate|is wrong(?!: Device does not exist)/i,
  bridge: /garbage|unknown|not complete|required|invalid|usage/i,
  nft: /syntax error|unexpected|datatype|Could not resolve/,
  sysctl: /malformed|unknown option|must be of the form|usage/i,
  ss: /./,
  lsns: /unknown column|unrecognized|invalid/i,
  "iptables-legacy": /unknown option|bad argument|invalid|not found/i,
  curl: /malformed|no URL|illegal|option --/i,
  kubectl: /unknown (flag|command|shorthand)|must specify|requires/i,
  "apt-get": /Invalid operation|Command line option/i,
};

/** Programs whose arguments are paths or numbers, and which do what they say: they are not run. */
const UNRUN: Readonly<Record<string, RegExp>> = {
  rm: /^(-r\n)?\/[^\n]+$/,
  mv: /^\/[^\n]+\n\/[^\n]+$/,
  install: /^-m\n0755\n\/[^\n]+\n\/[^\n]+$/,
  nsenter: /^--net\n--target\n[^\n]*\nip\nlink\nset\ndev\n\S+\nup$/,
  awk: /^\$2 == "\d+" \{print \$1; exit\}$/,
  dnf: /^install\n--assumeyes\nkernel-modules-extra-\S+$/,
};

/** Of other distributions than this one. */
const ELSEWHERE = new Set(["dnf"]);

let folder: string;
let netns: Netns;

before(async () => {
  netns = await makeNetns();
  folder = mkdtempSync(join(tmpdir(), "remedies-"));
  // Each of these tells with what it was called, and nothing else: so the shell itself takes the remedy
  // apart.
  for (const program of [...Object.keys(COMPLAINTS), ...Object.keys(UNRUN)]) {
    const path = join(folder, program);
    // One write: the programs of a pipe tell it at the same time.
    const call = `printf '%s\\0' ${program} "$@" "\n" >>"$CALLS"`;
    writeFileSync(path, `#!/bin/sh\n${call}\n`);
    chmodSync(path, 0o755);
  }
});

after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await netns.remove();
});

/** Programs with their arguments, in the order in which a shell calls them. */
async function callsOf(remedy: string): Promise<readonly (readonly string[])[]> {
  const file = join(folder, "calls");
  rmSync(file, { force: true });
  const environment = { PATH: folder, CALLS: file };
  const { exitCode, stderr } = await privileged({ command: ["/bin/sh", "-ec", remedy], environment });
  assert.equal(exitCode, 0, `${remedy}: ${stderr}`);
  const calls = readFileSync(file, "utf8").split("\n\0").slice(0, -1);
  return calls.map((call) => call.split("\0").slice(0, -1));
}

async function assertUnderstood([program = "", ...args]: readonly string[], remedy: string): Promise<void> {
  const complaint = COMPLAINTS[program];
  if (!ELSEWHERE.has(program)) await netns.run("sh", "-c", `command -v ${program}`);
  if (complaint === undefined) {
    assert.match(args.join("\n"), UNRUN[program] ?? /$^/, remedy);
    return;
  }
  const simulate = { "apt-get": ["--simulate"], nft: ["--check"], kubectl: ["--server=http://127.0.0.1:1"] };
  const flags = simulate[program as keyof typeof simulate] ?? [];
  const { stderr } = await privileged({
    command: [program, ...flags, ...args],
    netns: netns.path,
    environment: { LC_ALL: "C", HOME: folder, PATH: process.env["PATH"] ?? "" },
  });
  assert.doesNotMatch(stderr, complaint, remedy);
}

for (const remedy of REMEDIES)
  test(`"${remedy}" can be run as it is printed`, async () => {
    // A word of the shell itself.
    if (/^kill \d+$/.test(remedy)) return;
    for (const call of await callsOf(remedy)) await assertUnderstood(call, remedy);
  });

test("no remedy of agent/diagnosis is missing above", () => {
  const diagnosis = new URL("../../diagnosis/", import.meta.url);
  const files = readdirSync(diagnosis, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => new URL(name, diagnosis))
    .concat(
      new URL("../../plan/foreign/accept-rules.ts", import.meta.url),
      new URL("../../inspect/find-peer.ts", import.meta.url),
    );
  const programs = [...Object.keys(COMPLAINTS), ...Object.keys(UNRUN), "kill"].join("|");
  const begins = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(new RegExp(`["\`](?:${programs}) [^"\`$]*`, "g"))].map(([text]) =>
      text.slice(1),
    ),
  );
  assert.ok(begins.length > 25, begins.join("\n"));
  const missing = begins.filter((begin) => !REMEDIES.some((remedy) => remedy.includes(begin)));
  assert.deepEqual(missing, []);
});
