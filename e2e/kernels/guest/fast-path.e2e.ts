/**
 * Established connections of pods in a flow table: that they are in it, and that all that must hold holds
 * all the same (figures.e2e.ts has what it brings). A kernel that is too old says so, and pods have their
 * network.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { after, test } from "node:test";
import { formatObjects } from "../../../agent/testing/kube/format-objects.ts";
import { type Conversation, converse, offloaded, serve, stopAll } from "./echo.ts";
import { type GuestNode, launchNode, run, startNode, until } from "./guest-node.ts";

const [NODES_FILE, OBJECTS_FILE] = ["/run/nodes.yaml", "/run/objects.yaml"];
const [NODE, OUTSIDE] = ["192.0.2.10", "192.0.2.1"];
/** Of pods, by the name of their namespace. */
const ADDRESSES = {
  a: "10.244.1.2",
  b: "10.244.1.3",
  c: "10.244.1.4",
  limited: "10.244.1.5",
  heir: "10.244.1.3",
} as const;
type PodName = keyof typeof ADDRESSES;
const HEARD = "/run/heard";
const BANDWIDTH = { ingressRate: 100_000, ingressBurst: 80_000, egressRate: 100_000, egressBurst: 80_000 };
const FLAGS = ["--nodes-file", NODES_FILE, "--node-name", "guest", "--objects-file", OBJECTS_FILE];

run(`ip link add up0 type veth peer name down0; ip netns add outside; ip link set down0 netns outside
ip address add ${NODE}/24 dev up0; ip link set up0 up; ip link set lo up; ip route add default via ${OUTSIDE}
ip -n outside address add ${OUTSIDE}/24 dev down0; ip -n outside link set down0 up`);
for (const name of Object.keys(ADDRESSES)) run(`ip netns add ${name}`);
writeFileSync(
  NODES_FILE,
  `- {name: guest, addresses: [${NODE}], podCIDRs: [10.244.1.0/24, "fd00:10:244:1::/64"]}\n`,
);

/** The cluster with these policies, each of which lets pods with its label get nothing but from pod a. */
function writeObjects(...closed: readonly PodName[]): void {
  const metadata = (name: string) => ({ name, namespace: "default", labels: { pod: name } });
  const pods = (Object.keys(ADDRESSES) as PodName[]).map((name) => ({
    kind: "Pod",
    metadata: metadata(name),
    spec: { nodeName: "guest" },
    status: { podIPs: [{ ip: ADDRESSES[name] }] },
  }));
  const policies = closed.map((name) => ({
    kind: "NetworkPolicy",
    metadata: metadata(`closed-${name}`),
    spec: {
      podSelector: { matchLabels: { pod: name } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { pod: "a" } } }] }],
    },
  }));
  const namespace = { kind: "Namespace", metadata: { name: "default" } };
  writeFileSync(OBJECTS_FILE, formatObjects([namespace, ...pods, ...policies]));
}

let node: GuestNode;

function add(name: PodName, runtimeConfig: object = {}): void {
  const ips = [ADDRESSES[name], ADDRESSES[name].replace("10.244.1.", "fd00:10:244:1::")];
  const { exitCode, stdout } = node.call("ADD", {
    containerId: name,
    netns: name,
    args: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`,
    config: { runtimeConfig: { ips, ...runtimeConfig } },
  });
  assert.equal(exitCode, 0, stdout);
}

const remove = (name: PodName): void =>
  assert.equal(node.call("DEL", { containerId: name, netns: name }).exitCode, 0);
const hostLink = (name: PodName): string => {
  const index = /eth0@if(\d+)/.exec(run(`ip -n ${name} -o link show eth0`))?.[1];
  return new RegExp(`^${index}: ([^@]+)@`, "m").exec(run("ip -o link"))?.[1] ?? "";
};
const packetsOf = (line = ""): number => Number(/packets=(\d+)/.exec(line)?.[1]);
/** With its number: one that took its place has another. */
const flowTable = (): string =>
  /flowtable established \{[^}]*\}[^}]*\}.*/.exec(run("nft -a list ruleset"))?.[0] ?? "";
const devices = (): readonly string[] =>
  (/devices = \{([^}]*)\}/.exec(flowTable())?.[1] ?? "").split(/[\s,"]+/).filter((word) => word !== "");

/** A connection that has gone to and fro. */
async function open(netns: string, target: string): Promise<Conversation> {
  const conversation = converse(netns, target);
  for (let turn = 0; turn < 4; turn++) assert.ok(await conversation.ask(), `${netns} to ${target}`);
  return conversation;
}

/** Whether a new connection of pod a is answered. */
async function asks(target: string): Promise<boolean> {
  const conversation = converse("a", target);
  const isAnswered = await conversation.ask();
  await conversation.close();
  return isAnswered;
}

writeObjects();
const isOld = release().startsWith("5.");
node = isOld
  ? launchNode([...FLAGS, "--fast-path", "auto"])
  : await startNode([...FLAGS, "--fast-path", "auto"]);
after(async () => {
  stopAll();
  await node.stop();
});

if (isOld)
  test("a kernel that is too old for it says why, and the node is ready all the same", async () => {
    const told = /^ok\nwarning: fast path: there is none: Linux 5\.\S+ is older than 6\.1/m;
    await until("the agent is ready", async () => told.test(await node.readiness()));
    add("a");
    assert.equal(flowTable(), "");
    assert.equal(node.warnings().filter((line) => line.includes("fast path")).length, 1);
  });
else testFastPath();

function testFastPath(): void {
  const both = (port: number): readonly [string, string] => [
    `TCP:${ADDRESSES.b}:${port}`,
    `TCP:[fd00:10:244:1::3]:${port}`,
  ];

  test("established connections of pods are in the flow table, with TCP and UDP, in both families, and no chain sees them", async () => {
    run("sysctl -qw net.netfilter.nf_conntrack_acct=1");
    for (const name of ["a", "b", "c"] as const) add(name);
    add("limited", { bandwidth: BANDWIDTH });
    serve("b", "TCP6-LISTEN:9000,ipv6only=0", "PIPE");
    serve("c", "TCP6-LISTEN:9000,ipv6only=0", "PIPE");
    serve("limited", "TCP6-LISTEN:9000,ipv6only=0", "PIPE");
    serve("b", "UDP6-LISTEN:9001,ipv6only=0", `SYSTEM:tee -a ${HEARD}`);
    await until("servers listen", () => run("ip netns exec b ss -ltuH").split(":900").length === 3);
    assert.deepEqual(devices().toSorted(), ["up0", ...(["a", "b", "c"] as const).map(hostLink)].toSorted());
    const targets = [...both(9000), `UDP:${ADDRESSES.b}:9001`, "UDP:[fd00:10:244:1::3]:9001"];
    const conversations: Conversation[] = [];
    for (const target of targets) conversations.push(await open("a", target));
    for (const words of [
      ["ipv4", "tcp"],
      ["ipv6", "tcp"],
      ["ipv4", "udp"],
      ["ipv6", "udp"],
    ])
      assert.equal(offloaded(...words).length, 1, words.join());
    const before = packetsOf(offloaded("ipv4", "tcp")[0]);
    run(`nft add table inet watch; nft add chain inet watch forward '{ type filter hook forward priority -400; }'
nft add rule inet watch forward meta l4proto { tcp, udp } counter`);
    for (const conversation of conversations)
      for (let turn = 0; turn < 5; turn++) assert.ok(await conversation.ask());
    assert.match(run("nft list table inet watch"), /counter packets 0 /);
    run("nft delete table inet watch");
    assert.ok(packetsOf(offloaded("ipv4", "tcp")[0]) >= before + 5, "connection tracking counts");
    for (const conversation of conversations.slice(0, 2)) await conversation.close();
    await until("TCP has left with its end", () => offloaded("tcp").length === 0);
    for (const conversation of conversations.slice(2)) await conversation.close();
  });

  test("what a policy forbids ends within a second, what it allows goes on, and allowed again it is fast again", async () => {
    const [friend, stranger] = [await open("a", both(9000)[0]), await open("c", both(9000)[0])];
    assert.equal(offloaded("tcp").length, 2);
    const before = performance.now();
    writeObjects("b");
    await until("the stranger is cut", async () => !(await stranger.ask()));
    // The answer that never comes takes 1.5 s of it.
    const tookMs = performance.now() - before;
    assert.ok(tookMs < 3500, `${tookMs} ms`);
    assert.ok(await friend.ask());
    assert.equal(offloaded("tcp", `src=${ADDRESSES.c}`).length, 0);
    assert.equal(offloaded("tcp", `src=${ADDRESSES.a}`).length, 1);
    writeObjects();
    // TCP sends again what was lost.
    await until("the stranger is back", () => stranger.ask());
    await until(
      "and fast",
      async () => (await stranger.ask()) && offloaded(`src=${ADDRESSES.c}`).length === 1,
    );
    await friend.close();
    await stranger.close();
  });

  test("limits of a pod hold, and its port is no device", async () => {
    const free = await open("a", both(9000)[0]);
    const limited = await open("a", `TCP:${ADDRESSES.limited}:9000`);
    assert.ok(!devices().includes(hostLink("limited")));
    // Beyond a bucket of 10 KB, 60 KB take 4 s in each direction.
    assert.ok((await limited.carry(60_000)) > 4000);
    assert.ok((await free.carry(60_000)) < 2000);
    await free.close();
    await limited.close();
  });

  test("host ports and masquerade are right with it", async () => {
    remove("c");
    add("c", { portMappings: [{ hostPort: 80, containerPort: 9000, protocol: "tcp" }] });
    serve("outside", "TCP-LISTEN:9002", "SYSTEM:echo from \\$SOCAT_PEERADDR; cat");
    await until("the server listens", () => run("ip netns exec outside ss -ltH").includes(":9002"));
    const conversations = [
      await open("outside", `TCP:${NODE}:80`),
      await open("a", `TCP:${NODE}:80`),
      await open("a", `TCP:${OUTSIDE}:9002`),
    ];
    for (const words of [[`src=${OUTSIDE}`, "dport=80"], [`src=${ADDRESSES.a}`, "dport=80"], ["dport=9002"]])
      assert.equal(offloaded(...words).length, 1, words.join());
    assert.match(conversations[2]?.heard() ?? "", new RegExp(`from ${NODE}\\n`));
    for (const conversation of conversations) {
      assert.ok((await conversation.carry(200_000)) > 0);
      await conversation.close();
    }
  });

  test("TTL counts down, fragments pass, and a lie from another port meets the guard", async () => {
    const at = `UDP:${ADDRESSES.b}:9001,bind=${ADDRESSES.a}:5555`;
    const first = await open("a", at);
    await first.close();
    assert.equal(offloaded("sport=5555", "udp").length, 1);
    const last = converse("a", `${at},ttl=1`);
    assert.ok(!(await last.ask()));
    await last.close();
    const next = converse("a", `${at},ttl=2`);
    assert.ok(await next.ask());
    assert.ok((await next.carry(4000)) > 0);
    await next.close();
    run(`ip -n c address add ${ADDRESSES.a}/32 dev lo
echo a-lie | ip netns exec c socat - ${at}`);
    assert.doesNotMatch(readFileSync(HEARD, "utf8"), /a-lie/);
    run(`ip -n c address del ${ADDRESSES.a}/32 dev lo`);
  });

  test("an agent that ends and starts again keeps it with all that is in it", async () => {
    const conversation = await open("a", `${both(9000)[0]},sourceport=4444`);
    const before = flowTable();
    await node.stop();
    assert.ok(await conversation.ask());
    node = await startNode([...FLAGS, "--fast-path", "auto"]);
    assert.ok(await conversation.ask());
    assert.equal(offloaded("tcp", "sport=4444").length, 1);
    assert.equal(flowTable(), before);
    assert.deepEqual(
      node.warnings().filter((line) => line.includes("drift")),
      [],
    );
    await conversation.close();
  });

  test("an address that is given again rides no old flow", async () => {
    const conversations = [await open("a", both(9000)[0]), await open("a", both(9000)[1])];
    const gone = hostLink("b");
    remove("b");
    assert.equal(offloaded("tcp", "dport=9000").length, 0);
    assert.ok(!devices().includes(gone));
    add("heir");
    assert.ok(devices().includes(hostLink("heir")));
    serve("heir", "TCP6-LISTEN:9000,ipv6only=0", "PIPE");
    for (const conversation of conversations) assert.ok(!(await conversation.ask()));
    for (const target of both(9000)) await until("the heir answers", () => asks(target));
    remove("heir");
    add("b");
  });

  test("what somebody takes from it, or puts into it, is put right, also among more devices than a page holds", async () => {
    const before = devices().toSorted();
    const isRight = (): boolean => JSON.stringify(devices().toSorted()) === JSON.stringify(before);
    const change = (verb: string, name: string): void =>
      void run(
        `nft '${verb} flowtable inet causeway established { hook ingress priority 0; devices = { ${name} }; }'`,
      );
    change("delete", hostLink("a"));
    await until("the port is back", isRight);
    run("for number in $(seq 240); do ip link add other$number type dummy; done");
    for (let number = 1; number <= 240; number += 80)
      change("add", Array.from({ length: 80 }, (_, index) => `other${number + index}`).join(", "));
    await until("foreign devices are out", isRight);
    run("for number in $(seq 240); do ip link del other$number; done; nft flush ruleset");
    await until("all is back", () => flowTable() !== "" && isRight());
  });

  test("services of IPVS work: beside them there is no fast path, and the node says so", async () => {
    run(`ip link add kube-ipvs0 type dummy; ip address add 10.96.0.1/32 dev kube-ipvs0
ipvsadm -A -t 10.96.0.1:80 -s rr; ipvsadm -a -t 10.96.0.1:80 -r ${ADDRESSES.c}:9000 -m
sysctl -qw net.ipv4.vs.conntrack=1`);
    const told = /warning: fast path: there is none: connections to services of IPVS/;
    await until("the node warns", async () => told.test(await node.readiness()));
    assert.equal(flowTable(), "");
    const conversation = await open("a", "TCP:10.96.0.1:80");
    assert.ok((await conversation.carry(50_000)) > 0);
    await conversation.close();
    run("ipvsadm -C; ip link del kube-ipvs0");
    await until("the fast path is back", () => devices().includes(hostLink("a")));
  });

  test("switched off nothing of it is left, and connections go on", async () => {
    serve("b", "TCP-LISTEN:9003", "PIPE");
    await until("the server listens", () => run("ip netns exec b ss -ltH").includes(":9003"));
    const conversation = await open("a", `TCP:${ADDRESSES.b}:9003`);
    await node.stop();
    node = await startNode(FLAGS);
    assert.doesNotMatch(run("nft list ruleset"), /flow|priority (?:raw \+ 1|-299)/);
    assert.equal(offloaded().length, 0);
    assert.ok(await conversation.ask());
    assert.deepEqual(
      node.warnings().filter((line) => line.includes("drift")),
      [],
    );
    await conversation.close();
  });
}
