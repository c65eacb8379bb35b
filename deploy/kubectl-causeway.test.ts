/** The plugin against a kubectl that answers from files, in every sh that is here. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTar } from "../agent/commands/bundle/tar.ts";

const PLUGIN = join(import.meta.dirname, "kubectl-causeway");

/** Notes each call, and answers as kubectl would for these nodes and pods. */
const KUBECTL = `#!/bin/sh
printf '%s\\n' "$*" >>"$FAKE/calls"
if [ "$1" = --context ]; then shift 2; fi
case "$*" in
  *"get pods --all-namespaces --selector app.kubernetes.io/name=causeway "*) cat "$FAKE/agents" ;;
  "get pod --namespace shop "*) cat "$FAKE/pod-$5" ;;
  "get service --namespace shop "*) cat "$FAKE/service-$5" ;;
  logs*--previous*) exit 1 ;;
  logs*) echo "a line of the log" ;;
  describe*) echo "Last State: Terminated" ;;
  *" bundle") cat "$FAKE/bundle.tar" ;;
  *"exec --namespace"*) pod=$6; shift 8; cat "$FAKE/$pod-$1" 2>/dev/null || echo "$pod ran $*"; exit "$(cat "$FAKE/$pod-code" 2>/dev/null || echo 0)" ;;
  *) echo "unexpected: $*" >&2; exit 9 ;;
esac
`;

const folder = mkdtempSync(join(tmpdir(), "kubectl-causeway-"));
after(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly string[];
  readonly folder: string;
}

/** Runs the plugin with `files` for the fake. */
function run(args: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}): Answer {
  const fake = mkdtempSync(join(folder, "run-"));
  mkdirSync(join(fake, "bin"));
  writeFileSync(join(fake, "bin/kubectl"), KUBECTL, { mode: 0o755 });
  const standard = {
    agents: "n2 kube-system cw-b Running\nn1 kube-system cw-a Running\n",
    calls: "",
    "pod-web-0": "n1 10.244.1.2",
    "pod-web-1": "n1 10.244.1.3",
    "pod-db-0": "n2 10.244.2.9",
    "service-web": "10.96.0.20 8080",
    "service-six": "fd00:96::20 8080",
    "service-headless": "None 8080",
    "pod-six-0": "n2 fd00:2::9",
  };
  for (const [name, text] of Object.entries({ ...standard, ...files })) writeFileSync(join(fake, name), text);
  const { status, stdout, stderr } = spawnSync(PLUGIN, args, {
    cwd: fake,
    encoding: "utf8",
    env: { PATH: `${join(fake, "bin")}:${process.env["PATH"]}`, FAKE: fake },
  });
  const calls = readFileSync(join(fake, "calls"), "utf8").trim().split("\n");
  return { code: status, stdout, stderr, calls, folder: fake };
}

test("shellcheck has nothing to say", { skip: isHere("shellcheck") }, () => {
  execFileSync("shellcheck", ["--shell=sh", PLUGIN], { encoding: "utf8" });
});

test("status of all nodes is one table, with nodes that do not answer, and the worst exit code", () => {
  const { code, stdout } = run(["status"], {
    agents: "n1 kube-system cw-a Running\nn2 kube-system cw-b Running\nn3 kube-system cw-c Pending\n",
    "cw-a-status": "yes\t12\t241\t0\t0.1.0\t-\n",
    "cw-b-status": "no\t3\t250\t1\t0.1.0\tpod CIDRs: none yet\n",
    "cw-b-code": "1",
  });
  assert.equal(code, 1);
  assert.deepEqual(stdout.split("\n"), [
    "NODE  READY    PODS  FREE  UNREACHABLE  VERSION  REASON",
    "n1    yes      12    241   0            0.1.0    -",
    "n2    no       3     250   1            0.1.0    pod CIDRs: none yet",
    "n3    unknown  -     -     -            -        pod kube-system/cw-c is Pending and does not answer",
    "",
  ]);
});

test("status of a node runs in that node's agent", () => {
  assert.equal(run(["status", "n2"]).stdout, "cw-b ran status\n");
  assert.equal(run(["status", "n2", "--json"]).stdout, "cw-b ran status --json\n");
});

test("a node without an agent is told by name", () => {
  const { code, stderr } = run(["status", "n9"]);
  assert.equal(code, 1);
  assert.match(stderr, /^kubectl causeway: no agent runs on node n9: kubectl get pods /);
});

test("doctor looks at all nodes, by name, and ends with the worst verdict", () => {
  const { code, stdout } = run(["doctor"], { "cw-a-code": "4", "cw-b-code": "3" });
  assert.equal(code, 4);
  assert.equal(stdout, "== node n1\ncw-a ran doctor\n== node n2\ncw-b ran doctor\n");
});

test("doctor of one node leaves the others alone", () => {
  assert.equal(run(["doctor", "n2"]).stdout, "== node n2\ncw-b ran doctor\n");
});

for (const { target, ends } of [
  { target: "shop/db-0:5432", ends: ["n1: shop/web-0 to 10.244.2.9:5432", "n2: shop/db-0 to 10.244.1.2"] },
  {
    target: "shop/db-0:53/udp",
    ends: ["n1: shop/web-0 to 10.244.2.9:53/udp", "n2: shop/db-0 to 10.244.1.2"],
  },
  { target: "shop/six-0:80", ends: ["n1: shop/web-0 to [fd00:2::9]:80", "n2: shop/six-0 to 10.244.1.2"] },
  { target: "shop/db-0", ends: ["n1: shop/web-0 to 10.244.2.9", "n2: shop/db-0 to 10.244.1.2"] },
  { target: "shop/web-1:80", ends: ["n1: shop/web-0 to shop/web-1:80"] },
  { target: "10.96.0.10:53/udp", ends: ["n1: shop/web-0 to 10.96.0.10:53/udp"] },
  { target: "http://web.shop.svc/a", ends: ["n1: shop/web-0 to 10.96.0.20:80"] },
  { target: "https://web.shop.svc.cluster.local", ends: ["n1: shop/web-0 to 10.96.0.20:443"] },
  { target: "https://web.shop.svc:8443/", ends: ["n1: shop/web-0 to 10.96.0.20:8443"] },
  { target: "web.shop.svc", ends: ["n1: shop/web-0 to 10.96.0.20:8080"] },
  { target: "six.shop.svc:53", ends: ["n1: shop/web-0 to [fd00:96::20]:53"] },
  { target: "https://example.com/", ends: ["n1: shop/web-0 to https://example.com/"] },
  { target: "192.0.2.1", ends: ["n1: shop/web-0 to 192.0.2.1"] },
])
  test(`trace to ${target} asks ${ends.length === 2 ? "both nodes" : "the pod's node"}`, () => {
    const { code, stdout } = run(["trace", "shop/web-0", target], { "cw-b-code": "3" });
    assert.equal(code, ends.length === 2 ? 3 : 0);
    const heads = stdout.split("\n").filter((line) => line.startsWith("=="));
    assert.deepEqual(
      heads,
      ends.map((end) => `== node ${end}`),
    );
    for (const end of ends)
      assert.ok(stdout.includes(`ran trace ${end.split(": ")[1]?.replace(" to ", " ")}`));
  });

test("trace to a service without an address says what to do", () => {
  const { code, stderr } = run(["trace", "shop/web-0", "headless.shop.svc:80"]);
  assert.equal(code, 1);
  assert.match(stderr, /service headless\.shop\.svc has no address of its own: trace to one of its pods/);
});

test("bundle adds the agent's logs to the node's bundle", () => {
  const content = Buffer.from("ready\n");
  const tar = writeTar([{ type: "file", name: "causeway-bundle/status.txt", mode: 0o600, content }]);
  const answer = run(["bundle", "n1"], { "bundle.tar": tar });
  assert.deepEqual({ code: answer.code, stdout: answer.stdout }, { code: 0, stdout: "causeway-n1.tar\n" });
  const listed = execFileSync("tar", ["-tf", join(answer.folder, "causeway-n1.tar")], { encoding: "utf8" });
  assert.ok(listed.includes("causeway-bundle/status.txt"));
  assert.ok(listed.includes("causeway-bundle/log/agent.log"));
  assert.ok(!listed.includes("previous.log"), "there is no log of a former container");
});

test("bundle of a node whose agent ends again and again has its logs and its pod, which say why", () => {
  const agents = "n1 kube-system cw-a Failed\n";
  const { code, stdout, folder: made } = run(["bundle", "n1"], { agents });
  assert.deepEqual({ code, stdout }, { code: 1, stdout: "causeway-n1.tar\n" });
  const options = { encoding: "utf8" } as const;
  const read = (name: string): string =>
    execFileSync("tar", ["-xOf", join(made, "causeway-n1.tar"), `causeway-bundle/log/${name}`], options);
  assert.equal(read("agent.log"), "a line of the log\n");
  assert.equal(read("pod.txt"), "Last State: Terminated\n");
});

for (const context of [["--context", "blue"], ["--context=blue"]])
  test(`${context.join(" ")} goes to every kubectl`, () => {
    const { calls } = run([...context, "exec", "n1", "version"]);
    assert.ok(calls.length > 0);
    assert.ok(calls.every((call) => call.startsWith("--context blue ")));
  });

test("wrong usage ends with 2", () => {
  for (const args of [
    [],
    ["--context", "blue"],
    ["frobnicate"],
    ["trace", "shop/web-0"],
    ["trace", "web-0", "192.0.2.1"],
    ["bundle"],
    ["--context"],
    ["exec", "n1"],
  ])
    assert.equal(run(args).code, 2, args.join(" "));
});

test("an unknown command, and a flag without its node, are named and not answered with the help", () => {
  assert.equal(
    run(["frobnicate"]).stderr,
    'kubectl causeway: unknown command "frobnicate"; kubectl causeway help lists the commands\n',
  );
  assert.equal(
    run(["status", "--json"]).stderr,
    'kubectl causeway: "--json" comes behind the name of a node: kubectl causeway status NODE --json\n',
  );
});

function isHere(program: string): string | false {
  return spawnSync(program, ["--version"]).status === 0 ? false : `${program} is not on this machine`;
}
