import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult } from "../settings/command-line.ts";
import { COMMAND_HELPS, runCommand } from "./commands.ts";

const NAMES = [
  "agent",
  "status",
  "doctor",
  "trace",
  "page",
  "bundle",
  "rotate-key",
  "uninstall",
  "set-ipv6-forwarding",
  "completion",
  "version",
];

const INPUT = {
  environment: {},
  hostName: "n1",
  version: "1.2.3",
  isTerminal: false,
  colours: false,
  dateMs: () => 0,
};

function run(...args: readonly string[]): Promise<CommandResult> {
  return runCommand({ ...INPUT, args }, () => assert.fail("ends the process"));
}

test("help, --help and -h list every command", async () => {
  for (const word of ["help", "--help", "-h"]) {
    const { exitCode, stdout } = await run(word);
    assert.equal(exitCode, 0);
    for (const name of NAMES) assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  }
});

for (const name of NAMES) {
  test(`${name} --help prints its usage, and does nothing else`, async () => {
    for (const args of [
      [name, "--help"],
      [name, "-h"],
      ["help", name],
    ]) {
      const { exitCode, stdout, stderr } = await run(...args);
      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
      assert.match(stdout, new RegExp(`^usage: causeway ${name} `));
    }
  });

  for (const argument of ["--frobnicate", "one", "two three four"]) {
    test(`${name} refuses what it does not know before it does anything: ${argument}`, async () => {
      const { exitCode, stdout, stderr } = await run(name, ...argument.split(" "));
      assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: "" });
      assert.match(stderr, /^causeway[^\n]*(?:unknown flag|unknown argument|there is no|missing)/);
    });
  }
}

test("wrong usage is told first and in two lines, not buried by the help of thirty flags", async () => {
  const { exitCode, stderr } = await run("bundle", "--sockte", "/run/agent.sock");
  assert.equal(exitCode, 2);
  assert.equal(
    stderr,
    'causeway bundle: unknown flag "--sockte"; did you mean "--socket"?\nusage: causeway bundle [flags]; causeway help bundle explains it\n',
  );
});

for (const { args, fault } of [
  { args: ["status", "--socket"], fault: 'flag "--socket" needs a value' },
  {
    args: ["status", "--socket", "--json"],
    fault: 'flag "--socket" needs a value; one that begins with a dash is written --socket=VALUE',
  },
  { args: ["status", "--json=yes"], fault: 'flag "--json" takes no value' },
  { args: ["status", "--help=yes"], fault: 'flag "--help" takes no value' },
  { args: ["completion"], fault: "one of bash, zsh, fish is missing" },
])
  test(`wrong usage is told in our words, not in those of the parser: ${args.join(" ")}`, async () => {
    const { exitCode, stderr } = await run(...args);
    assert.equal(exitCode, 2);
    assert.equal(stderr.split("\n")[0], `causeway ${args[0]}: ${fault}`);
  });

test("a flag with a value that it cannot have is refused with flag and value", async () => {
  for (const [flag, value, fault] of [
    ["--vxlan-port", "abc", "must be a number"],
    ["--vxlan-port", "70000", "must be 1 to 65535"],
    ["--socket", "agent.sock", "must be an absolute path"],
    ["--api-server", "here", "must be a URL"],
  ] as const) {
    const { exitCode, stderr } = await run("doctor", flag, value);
    assert.equal(exitCode, 2);
    assert.ok(stderr.startsWith(`causeway doctor: ${flag} "${value}" ${fault}`), stderr);
  }
});

test("bundle prints no archive to a terminal", async () => {
  const { exitCode, stdout, stderr } = await runCommand(
    { ...INPUT, args: ["bundle"], isTerminal: true },
    () => assert.fail("ends the process"),
  );
  assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: "" });
  assert.match(stderr, /^causeway bundle: the archive is binary: write it to a file, .*>bundle\.tar\n/);
});

for (const args of [
  ["--json", "--denied"],
  ["--summary", "--json"],
  ["--denied", "--summary"],
])
  test(`status refuses ${args.join(" ")}, of which it used to ignore one`, async () => {
    const { exitCode, stderr } = await run("status", "--socket", "/nowhere/agent.sock", ...args);
    assert.equal(exitCode, 2);
    assert.match(stderr, /^causeway status: --(?:json|denied) and --(?:denied|summary) exclude each other\n/);
  });

test("the JSON of every command has its format, also where nothing answers", async () => {
  for (const command of ["status", "doctor", "rotate-key", "version"]) {
    const socket = command === "version" ? [] : ["--socket", "/nowhere/agent.sock"];
    const { stdout } = await run(command, "--json", ...socket);
    assert.equal((JSON.parse(stdout) as { format?: unknown }).format, 1, command);
  }
});

test("help tells every flag with its default", async () => {
  const { stdout } = await run("doctor", "--help");
  assert.match(stdout, /--vxlan-port PORT .*; default: 4789\n/);
});

test("an unknown command is told in one line, with the nearest one", async () => {
  assert.deepEqual(await run("stauts"), {
    exitCode: 2,
    stdout: "",
    stderr: 'causeway: unknown command "stauts"; did you mean "status"?\n',
  });
  const { stderr } = await run("frob\u001bnicate");
  assert.equal(stderr, 'causeway: unknown command "frob\ufffdnicate"; causeway help lists the commands\n');
});

test("version and --version print the version, with --json as an object", async () => {
  for (const word of ["version", "--version"]) {
    assert.equal((await run(word)).stdout, "1.2.3\n");
    assert.deepEqual(JSON.parse((await run(word, "--json")).stdout), {
      format: 1,
      version: "1.2.3",
      nodeVersion: process.versions.node,
    });
  }
});

test("help tells the exit codes and the environment", async () => {
  const { stdout } = await run("help");
  for (const code of [0, 1, 2, 3, 4]) assert.match(stdout, new RegExp(`^  ${code}  `, "m"));
  assert.match(stdout, /^  NO_COLOR /m);
});

test("every command that prints data has --json", async () => {
  const without = new Set(["agent", "page", "bundle", "completion"]);
  for (const { name, flags } of COMMAND_HELPS)
    assert.equal(
      flags.some((flag) => flag.name === "json"),
      !without.has(name),
      name,
    );
});
