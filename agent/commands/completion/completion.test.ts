import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { promisify } from "node:util";
import { runCommand } from "../commands.ts";

/** What a shell must offer: words after the cursor's line, and words that it must not offer. */
const OFFERS: readonly { readonly line: string; readonly has: readonly string[]; readonly lacks: string }[] =
  [
    { line: "causeway st", has: ["status"], lacks: "doctor" },
    { line: "causeway ", has: ["agent", "doctor", "completion", "help", "version"], lacks: "--json" },
    { line: "causeway doctor --vx", has: ["--vxlan-port", "--vxlan-vni"], lacks: "--json" },
    { line: "causeway status --", has: ["--json", "--all", "--socket", "--help"], lacks: "--vxlan-port" },
    { line: "causeway agent --overlay ", has: ["auto", "never", "always"], lacks: "--mtu" },
    { line: "causeway agent --overlay=a", has: ["auto", "always"], lacks: "never" },
    { line: "causeway agent --policy-start=", has: ["closed", "open"], lacks: "--mtu" },
    { line: "causeway doctor --kubeconfig=a-f", has: ["a-file"], lacks: "status" },
    { line: "causeway agent --log-level ", has: ["debug", "warn"], lacks: "--mtu" },
    { line: "causeway completion ", has: ["bash", "zsh", "fish"], lacks: "status" },
    { line: "causeway help tr", has: ["trace"], lacks: "status" },
    { line: "causeway doctor --kubeconfig a-f", has: ["a-file"], lacks: "status" },
    { line: "causeway agent --mtu ", has: [], lacks: "--json" },
  ];

/** Shells take milliseconds. */
const TIMEOUT_MS = 20_000;

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "causeway-completion-"));

/** Prints what bash offers for a line. Its words also end at an equals sign, which is a word of its own. */
const BASH = `
. "$1"
COMP_LINE=$2
read -ra COMP_WORDS <<<"\${2//=/ = }"
if [[ $2 == *" " ]]; then COMP_WORDS+=(""); fi
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
options=
compopt() { options=$2; }
_causeway
printf '%s\\n' "\${COMPREPLY[@]}"
if [ "$options" = default ]; then compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"; fi
`;

/** Lets a zsh on a terminal of its own list what it offers, by the key for that. */
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; stty -echo columns 200; autoload -U compinit; compinit -u -D; . '$1'; zle-line-init() { print RE""ADY }; zle -N zle-line-init'
zpty -r shell seen '*READY*'
zpty -n -w shell "$2"$'\\C-d\\C-u print DO""NE\\n'
zpty -r shell seen '*DONE*'
print -r -- "$seen"
`;

const SHELLS = [
  { shell: "bash", args: (file: string, line: string) => ["--norc", "-c", BASH, "bash", file, line] },
  { shell: "zsh", args: (file: string, line: string) => ["-f", "-c", ZSH, "zsh", file, line] },
  {
    shell: "fish",
    args: (file: string, line: string) => ["--no-config", "-c", `source ${file}; complete -C '${line}'`],
  },
] as const;

suite("completion", () => {
  before(() => writeFileSync(join(folder, "a-file"), ""));
  after(() => rmSync(folder, { recursive: true }));

  for (const { shell, args } of SHELLS) {
    const isHere = spawnSync(shell, ["-c", "true"]).status === 0;
    const skip = isHere ? false : `${shell} is not on this machine`;
    for (const { line, has, lacks } of OFFERS)
      test(`${shell} completes "${line}"`, { skip }, async () => {
        const file = join(folder, shell);
        writeFileSync(file, await print(shell));
        const { stdout } = await run(shell, args(file, line), {
          cwd: folder,
          env: environment(),
          timeout: TIMEOUT_MS,
        });
        const words = stdout.split(/[^\w-]+/);
        for (const word of has) assert.ok(words.includes(word), `${word} of:\n${stdout}`);
        assert.ok(!words.includes(lacks), `${lacks} of:\n${stdout}`);
      });
  }
});

test("completion of an unknown shell is refused in words", async () => {
  const { exitCode, stderr } = await complete("tcsh");
  assert.equal(exitCode, 2);
  assert.match(stderr, /^causeway completion: there is no completion for "tcsh"\n/);
});

function complete(shell: string) {
  return runCommand(
    {
      args: ["completion", shell],
      environment: {},
      hostName: "n1",
      version: "1",
      isTerminal: false,
      colours: false,
      dateMs: () => 0,
    },
    () => assert.fail("ends the process"),
  );
}

async function print(shell: string): Promise<string> {
  return (await complete(shell)).stdout;
}

function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: folder, TERM: "dumb" };
}
