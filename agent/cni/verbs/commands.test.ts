import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachments, createAttachments } from "../../ipam/attachments.ts";
import { createHostPortTable } from "../../ipam/host-port-table.ts";
import { createIpam, type Ipam } from "../../ipam/ipam.ts";
import { createSharedLock } from "../../lib/shared-lock.ts";
import { type Cidr, parseCidr } from "../../net/cidr.ts";
import type { ReadinessPart } from "../../lib/readiness.ts";
import { createFakeKernel, type FakeKernel } from "../../testing/fake-kernel.ts";
import { NO_SETTINGS } from "../../plan/pods/pod-settings.ts";
import { CniError } from "../cni-error.ts";
import { type Commands, createCommands } from "./commands.ts";
import type { Join } from "../../kernel/policy/policy-kernel.ts";
import type { Caller } from "./context.ts";
import { type CniVersion, parseNetworkConfig } from "../request/network-config.ts";
import type { CniRequest } from "../request/request.ts";

interface Setup {
  readonly kernel: FakeKernel;
  readonly ipam: Ipam;
  readonly attachments: Attachments;
  readonly commands: Commands;
  readonly reasons: { part: ReadinessPart; reason: string }[];
  readonly ignored: string[];
  readonly policies: FakePolicies;
}

/** What network policies are asked, in order, and what they answer. */
interface FakePolicies {
  readonly asked: string[];
  refusal: string | undefined;
  onAdmit: (join: Join | undefined) => Promise<void>;
  onRelease: () => Promise<void>;
}

function setUp(...podCidrs: readonly string[]): Setup {
  const kernel = createFakeKernel();
  const ipam = createIpam();
  ipam.setPodCidrs(podCidrs.map(parseCidr).filter((cidr): cidr is Cidr => cidr !== undefined));
  const hostPorts = createHostPortTable();
  const attachments = createAttachments(ipam, hostPorts);
  const reasons: Setup["reasons"] = [];
  const ignored: string[] = [];
  const readiness = { reasons: () => reasons };
  const policies: FakePolicies = {
    asked: [],
    refusal: undefined,
    onAdmit: () => Promise.resolve(),
    onRelease: () => Promise.resolve(),
  };
  const commands = createCommands(
    {
      kernel,
      ipam,
      hostPorts,
      attachments,
      policies: {
        async admit(_hostLink, { containerId, addresses }, join) {
          policies.asked.push(`admit ${containerId} ${addresses.join()}`);
          await policies.onAdmit(join);
          return policies.refusal;
        },
        release(hostLink) {
          policies.asked.push(`release ${attachments.get(hostLink)?.containerId ?? "unknown"}`);
          return policies.onRelease();
        },
      },
      readiness,
      bridge: "cw0",
      allowSourceSpoofing: false,
      onIgnoredSetting: (note) => void ignored.push(note),
      clusterCidrs: () => [],
      mtu: () => 1400,
      nowMs: () => 0,
    },
    createSharedLock(),
  );
  return { kernel, ipam, attachments, commands, reasons, ignored, policies };
}

function config(version: CniVersion = "1.0.0"): ReturnType<typeof parseNetworkConfig> {
  return parseNetworkConfig(JSON.stringify({ cniVersion: version, name: "causeway", type: "causeway" }));
}

let nextFd = 100;

function addRequest(containerId: string): Extract<CniRequest, { command: "ADD" }> {
  const fds = { netns: nextFd++, rtnetlink: nextFd++ };
  const runtimeConfig = { addresses: new Map(), mac: undefined, settings: NO_SETTINGS };
  return {
    command: "ADD",
    containerId,
    ifname: "eth0",
    netns: `/run/netns/${containerId}`,
    fds,
    runtimeConfig,
    config: config(),
  };
}

function delRequest(containerId: string): CniRequest {
  return { command: "DEL", containerId, ifname: "eth0", config: config() };
}

const never: Caller = { isGone: () => false, isAnswered: () => false, earlyReply: () => undefined };

async function failure(promise: Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof CniError, String(error));
    return { code: error.code, message: error.message };
  }
  return assert.fail("did not fail");
}

for (const { name, isAsked } of [
  { name: "that was answered early", isAsked: true },
  { name: "with host ports, which the kernel asks no early reply for", isAsked: false },
]) {
  test(`an ADD ${name} formats its result once: each did so twice`, async () => {
    const { kernel, commands } = setUp("10.244.1.0/24");
    const { attachPod } = kernel;
    const asking: typeof attachPod = (plan, sockets, clusterCidrs, options) => {
      if (isAsked) options?.earlyReply?.();
      return attachPod(plan, sockets, clusterCidrs, options);
    };
    Object.assign(kernel, { attachPod: asking });
    let [formatted, sent] = [0, ""];
    const dns = { toJSON: () => ({ count: ++formatted }) };
    const caller: Caller = {
      ...never,
      isAnswered: () => isAsked,
      earlyReply(stdout) {
        sent = stdout;
        return undefined;
      },
    };
    const answer = await commands({ ...addRequest("c1"), config: { ...config(), dns } }, caller);
    assert.match(answer, /"count":1/);
    assert.equal(sent, isAsked ? answer : "");
    assert.equal(formatted, 1);
  });
}

test("ADD gives the pod an address of each family and remembers it; DEL frees both", async () => {
  const { commands, ipam, attachments } = setUp("10.244.1.0/24", "fd00:1::/64");
  const result = JSON.parse(await commands(addRequest("c1"), never)) as { ips: { address: string }[] };
  assert.deepEqual(
    result.ips.map(({ address }) => address),
    ["10.244.1.2/32", "fd00:1::2/128"],
  );
  assert.deepEqual(attachments.list(), [
    {
      network: "causeway",
      containerId: "c1",
      ifname: "eth0",
      addresses: ["10.244.1.2", "fd00:1::2"],
      settings: NO_SETTINGS,
    },
  ]);
  assert.equal(await commands(delRequest("c1"), never), "");
  assert.deepEqual(
    ipam.use(0).map(({ taken, cooling }) => ({ taken, cooling })),
    [
      { taken: 0, cooling: 1 },
      { taken: 0, cooling: 1 },
    ],
  );
});

test("ADD without a PodCIDR is code 11: the runtime may try again", async () => {
  const { commands } = setUp();
  assert.deepEqual(await failure(commands(addRequest("c1"), never)), {
    code: 11,
    message: "Cannot reserve an address: the node has no PodCIDR yet",
  });
});

for (const { prefix, longest } of [
  { prefix: "10.244.1.0/31", longest: "/30" },
  { prefix: "10.244.1.0/32", longest: "/30" },
  { prefix: "fd00:1::/127", longest: "/126" },
]) {
  test(`ADD with the PodCIDR ${prefix} says why it has no address, not "0 of -1 taken"`, async () => {
    const { commands } = setUp(prefix);
    const family = prefix.includes(":") ? 6 : 4;
    assert.deepEqual(await failure(commands(addRequest("c1"), never)), {
      code: 101,
      message: `Cannot reserve an IPv${family} address: all are in use (${prefix} is too small: the longest PodCIDR with an address for a pod is a ${longest})`,
    });
  });
}

test("ADD on a full pool is code 101 with pool and counts, and takes nothing of the other family", async () => {
  const { commands, ipam } = setUp("fd00:1::/64", "10.244.1.0/30");
  await commands(addRequest("c1"), never);
  assert.deepEqual(await failure(commands(addRequest("c2"), never)), {
    code: 101,
    message: "Cannot reserve an IPv4 address: all are in use (10.244.1.0/30: 1 of 1 taken)",
  });
  assert.deepEqual(
    ipam.use(0).map(({ taken }) => taken),
    [1, 1],
  );
});

test("ADD twice is code 100 and leaves the first attachment alone", async () => {
  const { commands, attachments, kernel } = setUp("10.244.1.0/24");
  await commands(addRequest("c1"), never);
  const { code, message } = await failure(commands(addRequest("c1"), never));
  assert.equal(code, 100);
  assert.match(
    message,
    /^Cannot add interface "eth0" to container "c1": container has it through host link "cw/,
  );
  assert.equal(attachments.list().length, 1);
  assert.equal((await kernel.listAttachments()).length, 1);
});

test("two ADDs at once for one container: one wins, the other is code 100, one address is taken", async () => {
  const { commands, ipam } = setUp("10.244.1.0/24");
  const outcomes = await Promise.allSettled([
    commands(addRequest("c1"), never),
    commands(addRequest("c1"), never),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(ipam.use(0)[0]?.taken, 1);
});

test("ADD where the namespace has the interface is code 100 and frees the address", async () => {
  const { commands, ipam } = setUp("10.244.1.0/24");
  const first = addRequest("c1");
  await commands(first, never);
  const { code, message } = await failure(commands({ ...addRequest("c2"), fds: first.fds }, never));
  assert.equal(code, 100);
  assert.match(message, /network namespace "\/run\/netns\/c2" already has an interface of that name$/);
  assert.equal(ipam.use(0)[0]?.taken, 1);
});

test("ADD that the kernel refuses frees the address and answers with the first cause", async () => {
  const { commands, kernel, ipam, attachments } = setUp("10.244.1.0/24");
  kernel.beforeAttach = () => Promise.reject(new Error("Cannot create veth: EPERM"));
  await assert.rejects(commands(addRequest("c1"), never), /^Error: Cannot create veth: EPERM$/);
  assert.equal(ipam.use(0)[0]?.taken, 0);
  assert.deepEqual(attachments.list(), []);
});

test("ADD that fails after a look at the kernel saw its link leaves nothing: the next one of the container succeeds", async () => {
  const { commands, kernel, attachments } = setUp("10.244.1.0/24");
  const attachPod = kernel.attachPod.bind(kernel);
  kernel.attachPod = ({ host, attachment }) => {
    attachments.beginReload()(new Map([[host.link, attachment]]));
    return Promise.reject(new Error("Cannot serve host ports: no module"));
  };
  await assert.rejects(commands(addRequest("a"), never), /no module/);
  kernel.attachPod = attachPod;
  await commands(addRequest("a"), never);
  assert.deepEqual(
    attachments.list().map(({ containerId }) => containerId),
    ["a"],
  );
});

test("DEL is not taken for the end of a pod's namespace by a look at the kernel meanwhile", async () => {
  const { commands, attachments, policies } = setUp("10.244.1.0/24");
  await commands(addRequest("a"), never);
  policies.onRelease = () => {
    assert.deepEqual(attachments.beginReload()(new Map()), { adopted: [], vanished: [] });
    return Promise.resolve();
  };
  await commands(delRequest("a"), never);
  assert.deepEqual(attachments.list(), []);
});

test("ADD of a runtime that was killed meanwhile is rolled back", async () => {
  const { commands, kernel, ipam, attachments } = setUp("10.244.1.0/24");
  let isGone = false;
  kernel.beforeAttach = () => {
    isGone = true;
    return Promise.resolve();
  };
  const { code } = await failure(commands(addRequest("c1"), { ...never, isGone: () => isGone }));
  assert.equal(code, 11);
  assert.deepEqual(await kernel.listAttachments(), []);
  assert.deepEqual(attachments.list(), []);
  assert.equal(ipam.use(0)[0]?.taken, 0);
});

test("ADD of a runtime that was killed before its turn makes nothing", async () => {
  const { commands, kernel } = setUp("10.244.1.0/24");
  kernel.beforeAttach = () => assert.fail("attached");
  assert.equal((await failure(commands(addRequest("c1"), { ...never, isGone: () => true }))).code, 11);
});

test("DEL that overtakes its ADD waits for it: the runtime's last word counts", async () => {
  const { commands, kernel } = setUp("10.244.1.0/24");
  let release = (): void => undefined;
  kernel.beforeAttach = () => new Promise((resolve) => (release = resolve));
  const adding = commands(addRequest("c1"), never);
  const deleting = commands(delRequest("c1"), never);
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await Promise.all([adding, deleting]);
  assert.deepEqual(await kernel.listAttachments(), []);
});

test("a slow ADD of one container does not hold up another", async () => {
  const { commands, kernel } = setUp("10.244.1.0/24");
  let release = (): void => undefined;
  kernel.beforeAttach = () => new Promise((resolve) => (release = resolve));
  const slow = commands(addRequest("c1"), never);
  await new Promise((resolve) => setImmediate(resolve));
  kernel.beforeAttach = () => Promise.resolve();
  await commands(addRequest("c2"), never);
  release();
  await slow;
});

test("a hundred ADDs at once take memory for those only that the kernel works at", async () => {
  const { commands, kernel } = setUp("10.244.1.0/24");
  let atKernel = 0;
  let most = 0;
  kernel.beforeAttach = async () => {
    most = Math.max(most, ++atKernel);
    await new Promise((resolve) => setImmediate(resolve));
    atKernel--;
  };
  await Promise.all(Array.from({ length: 100 }, (_, index) => commands(addRequest(`c${index}`), never)));
  assert.equal((await kernel.listAttachments()).length, 100);
  assert.equal(most, 6);
});

test("DEL of what is unknown succeeds, twice and at once", async () => {
  const { commands } = setUp("10.244.1.0/24");
  assert.deepEqual(await Promise.all([commands(delRequest("x"), never), commands(delRequest("x"), never)]), [
    "",
    "",
  ]);
});

test("ADD asks policies for the pod before its link is made, DEL takes the pod away from them before its address is free", async () => {
  const { commands, kernel, ipam, policies } = setUp("10.244.1.0/24");
  kernel.beforeAttach = () => {
    assert.deepEqual(policies.asked, ["admit c1 10.244.1.2"]);
    return Promise.resolve();
  };
  await commands(addRequest("c1"), never);
  policies.onRelease = async () => {
    assert.deepEqual(await kernel.listAttachments(), []);
    assert.equal(ipam.use(0)[0]?.taken, 1);
  };
  await commands(delRequest("c1"), never);
  assert.deepEqual(policies.asked, ["admit c1 10.244.1.2", "release c1"]);
  assert.equal(ipam.use(0)[0]?.taken, 0);
});

test("ADD of a pod that policies refuse is code 11 with the reason, makes nothing and frees the address", async () => {
  const { commands, kernel, ipam, policies } = setUp("10.244.1.0/24");
  policies.refusal = "policies are not known yet";
  assert.deepEqual(await failure(commands(addRequest("c1"), never)), {
    code: 11,
    message: 'Cannot add interface "eth0" to container "c1": policies are not known yet',
  });
  assert.deepEqual(await kernel.listAttachments(), []);
  assert.equal(ipam.use(0)[0]?.taken, 0);
});

test("ADD that the kernel refuses takes the pod away from policies, too", async () => {
  const { commands, kernel, policies } = setUp("10.244.1.0/24");
  kernel.beforeAttach = () => Promise.reject(new Error("Cannot create veth: EPERM"));
  await assert.rejects(commands(addRequest("c1"), never));
  assert.deepEqual(policies.asked.at(-1), "release unknown");
});

test("DEL keeps the address while policies may still know it as the pod's", async () => {
  const { commands, ipam, policies } = setUp("10.244.1.0/24");
  await commands(addRequest("c1"), never);
  policies.onRelease = () => Promise.reject(new Error("EBUSY"));
  await assert.rejects(commands(delRequest("c1"), never), /EBUSY/);
  assert.equal(ipam.use(0)[0]?.taken, 1);
});

test("DEL keeps the address when the kernel refuses to delete the link", async () => {
  const { commands, kernel, ipam } = setUp("10.244.1.0/24");
  await commands(addRequest("c1"), never);
  kernel.detachPod = () => Promise.reject(new Error("EBUSY"));
  await assert.rejects(commands(delRequest("c1"), never), /EBUSY/);
  assert.equal(ipam.use(0)[0]?.taken, 1);
});

test("STATUS is silent when ADD could be served", async () => {
  const { commands } = setUp("10.244.1.0/24");
  assert.equal(await commands({ command: "STATUS", config: config("1.1.0") }, never), "");
});

test("STATUS is code 50 with the reasons of readiness", async () => {
  const { commands, reasons } = setUp("10.244.1.0/24");
  reasons.push({ part: "pod CIDRs", reason: "the node has no PodCIDR yet" });
  assert.deepEqual(await failure(commands({ command: "STATUS", config: config("1.1.0") }, never)), {
    code: 50,
    message: "Node network is not ready: the node has no PodCIDR yet",
  });
});

test("STATUS is code 50 when the pool is exhausted", async () => {
  const { commands } = setUp("10.244.1.0/30");
  await commands(addRequest("c1"), never);
  assert.deepEqual(await failure(commands({ command: "STATUS", config: config("1.1.0") }, never)), {
    code: 50,
    message: "Node network is not ready: all addresses are in use: 10.244.1.0/30: 1 of 1 taken",
  });
});

test("STATUS is code 51 when pods run and the masquerade table is not applied: they may have lost the world", async () => {
  const { commands, reasons } = setUp("10.244.1.0/24");
  await commands(addRequest("c1"), never);
  reasons.push({ part: "masquerade", reason: "Cannot run nft: ENOENT" });
  assert.deepEqual(await failure(commands({ command: "STATUS", config: config("1.1.0") }, never)), {
    code: 51,
    message: "Node network is not ready: Cannot run nft: ENOENT",
  });
});

function gcRequest(more: object): CniRequest {
  const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "causeway", type: "causeway", ...more });
  return { command: "GC", config: parseNetworkConfig(stdin) };
}

async function containersAfterGc(more: object): Promise<string[]> {
  const { commands, attachments } = setUp("10.244.1.0/24");
  for (const containerId of ["a", "b", "c"]) await commands(addRequest(containerId), never);
  const foreign = {
    ...addRequest("foreign"),
    config: parseNetworkConfig('{"cniVersion":"1.0.0","name":"other"}'),
  };
  await commands(foreign, never);
  assert.equal(await commands(gcRequest(more), never), "");
  return attachments.list().map(({ containerId }) => containerId);
}

for (const { name, more, want } of [
  {
    name: "keeps what is valid",
    more: { "cni.dev/valid-attachments": [{ containerID: "b", ifname: "eth0" }] },
    want: ["b", "foreign"],
  },
  {
    name: "takes an empty list for all of its network",
    more: { "cni.dev/valid-attachments": [] },
    want: ["foreign"],
  },
  {
    name: "takes a null list, as libcni writes a nil slice, for an empty one",
    more: { "cni.dev/valid-attachments": null },
    want: ["foreign"],
  },
  {
    name: "understands the legacy key",
    more: { "cni.dev/attachments": [{ containerID: "a", ifname: "eth0" }] },
    want: ["a", "foreign"],
  },
  {
    name: "tells interfaces apart",
    more: { "cni.dev/valid-attachments": [{ containerID: "b", ifname: "net1" }] },
    want: ["foreign"],
  },
]) {
  test(`GC ${name}, and never touches another network`, async () =>
    assert.deepEqual(await containersAfterGc(more), want));
}

for (const more of [
  {},
  { "cni.dev/valid-attachments": "all" },
  { "cni.dev/valid-attachments": [{ containerID: 7 }] },
]) {
  test(`GC refuses ${JSON.stringify(more)} with code 7: a mistake must not delete the network of running pods`, async () => {
    const { commands, attachments } = setUp("10.244.1.0/24");
    await commands(addRequest("a"), never);
    assert.equal((await failure(commands(gcRequest(more), never))).code, 7);
    assert.equal(attachments.list().length, 1);
  });
}

test("GC goes on after a failure, and tells it", async () => {
  const { commands, kernel, attachments } = setUp("10.244.1.0/24");
  for (const containerId of ["a", "b"]) await commands(addRequest(containerId), never);
  const [first] = await kernel.listAttachments();
  const { detachPod } = kernel;
  kernel.detachPod = (hostLink) =>
    hostLink === first?.hostLink ? Promise.reject(new Error("EBUSY")) : detachPod(hostLink);
  assert.deepEqual(await failure(commands(gcRequest({ "cni.dev/valid-attachments": [] }), never)), {
    code: 5,
    message: "Cannot delete 1 of 2 obsolete attachments: Error: EBUSY",
  });
  assert.equal(attachments.list().length, 1);
});

test("GC waits for the ADD that runs, and the next ADD for it: its list is not of that moment", async () => {
  const { commands, kernel } = setUp("10.244.1.0/24");
  const order: string[] = [];
  let release = (): void => undefined;
  kernel.beforeAttach = () => new Promise((resolve) => (release = resolve));
  const first = commands(addRequest("a"), never).then(() => order.push("first ADD"));
  await new Promise((resolve) => setImmediate(resolve));
  const collecting = commands(gcRequest({ "cni.dev/valid-attachments": [] }), never).then(() =>
    order.push("GC"),
  );
  kernel.beforeAttach = () => Promise.resolve();
  const second = commands(addRequest("b"), never).then(() => order.push("second ADD"));
  release();
  await Promise.all([first, collecting, second]);
  assert.deepEqual(order, ["first ADD", "GC", "second ADD"]);
});

async function checkRequest(
  setup: Setup,
  change: (result: Record<string, unknown>) => object,
): Promise<CniRequest> {
  const request = addRequest("c1");
  const prevResult = change(JSON.parse(await setup.commands(request, never)) as Record<string, unknown>);
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", ...prevResult });
  const { containerId, ifname, netns, fds } = request;
  return { command: "CHECK", containerId, ifname, netns, fds, config: parseNetworkConfig(stdin) };
}

test("CHECK is silent about a whole attachment, and about what later plugins added", async () => {
  const setup = setUp("10.244.1.0/24");
  const request = await checkRequest(setup, (result) => ({
    prevResult: {
      ...result,
      ips: [...(result["ips"] as object[]), { interface: 2, address: "198.51.100.7/24" }],
    },
  }));
  assert.equal(await setup.commands(request, never), "");
});

for (const { name, change, message } of [
  { name: "no prevResult", change: () => ({}), message: /prevResult is missing$/ },
  {
    name: "a result without the interface",
    change: () => ({ prevResult: { interfaces: [] } }),
    message: /has no interface "eth0"/,
  },
  {
    name: "a result without our address",
    change: (result: Record<string, unknown>) => ({ prevResult: { ...result, ips: [] } }),
    message: /prevResult does not have address 10\.244\.1\.2/,
  },
]) {
  test(`CHECK fails on ${name}`, async () => {
    const setup = setUp("10.244.1.0/24");
    assert.match((await failure(setup.commands(await checkRequest(setup, change), never))).message, message);
  });
}

test("CHECK of a pod that is gone tells that this node has no such attachment", async () => {
  const setup = setUp("10.244.1.0/24");
  const request = await checkRequest(setup, (result) => ({ prevResult: result }));
  await setup.commands(delRequest("c1"), never);
  const { code, message } = await failure(setup.commands(request, never));
  assert.equal(code, 102);
  assert.match(message, /this node has no such attachment$/);
});

for (const { name, requested, code, message } of [
  {
    name: "taken",
    requested: "10.244.1.2",
    code: 101,
    message: "Cannot reserve address 10.244.1.2: it is in use by another pod or by the node",
  },
  {
    name: "the gateway",
    requested: "10.244.1.1",
    code: 101,
    message: "Cannot reserve address 10.244.1.1: it is in use by another pod or by the node",
  },
  {
    name: "outside",
    requested: "10.9.9.9",
    code: 7,
    message: "Cannot reserve address 10.9.9.9: it is outside this node's PodCIDRs (10.244.1.0/24)",
  },
]) {
  test(`ADD with a requested address that is ${name} is code ${code}`, async () => {
    const { commands, ipam } = setUp("10.244.1.0/24");
    await commands(addRequest("c1"), never);
    const runtimeConfig = {
      addresses: new Map([[4 as const, requested]]),
      mac: undefined,
      settings: NO_SETTINGS,
    };
    assert.deepEqual(await failure(commands({ ...addRequest("c2"), runtimeConfig }, never)), {
      code,
      message,
    });
    assert.equal(ipam.use(0)[0]?.taken, 1);
  });
}

test("ADD honours a requested address and MAC, and gives the other family as usual", async () => {
  const { commands } = setUp("10.244.1.0/24", "fd00:1::/64");
  const runtimeConfig = {
    addresses: new Map([[4 as const, "10.244.1.77"]]),
    mac: "02:00:00:00:00:07",
    settings: NO_SETTINGS,
  };
  const result = JSON.parse(await commands({ ...addRequest("c1"), runtimeConfig }, never)) as {
    ips: { address: string }[];
    interfaces: { mac: string }[];
  };
  assert.deepEqual(
    result.ips.map(({ address }) => address),
    ["10.244.1.77/32", "fd00:1::2/128"],
  );
  assert.equal(result.interfaces.at(-1)?.mac, "02:00:00:00:00:07");
});

test("ADD behind another plugin adds to its result", async () => {
  const { commands } = setUp("10.244.1.0/24");
  const prevResult = {
    cniVersion: "1.0.0",
    interfaces: [{ name: "net0", sandbox: "/run/netns/c1" }],
    ips: [{ interface: 0, address: "198.51.100.7/24" }],
    routes: [{ dst: "198.51.100.0/24" }],
    dns: { nameservers: ["198.51.100.53"] },
  };
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", prevResult });
  const result = JSON.parse(
    await commands({ ...addRequest("c1"), config: parseNetworkConfig(stdin) }, never),
  ) as object;
  assert.deepEqual(result, {
    cniVersion: "1.0.0",
    interfaces: [
      { name: "net0", sandbox: "/run/netns/c1" },
      { name: "cw0", mac: "0a:58:00:00:00:01" },
      { name: "cw6u7qfm575feue", mac: "fa:58:0a:f4:01:02" },
      { name: "eth0", mac: "0a:58:0a:f4:01:02", sandbox: "/run/netns/c1" },
    ],
    ips: [
      { interface: 0, address: "198.51.100.7/24" },
      { interface: 3, address: "10.244.1.2/32", gateway: "10.244.1.1" },
    ],
    routes: [{ dst: "198.51.100.0/24" }, { dst: "0.0.0.0/0", gw: "10.244.1.1" }],
    dns: { nameservers: ["198.51.100.53"] },
  });
});

for (const { name, refusals, want } of [
  { name: "makes the pod once, with what policies say of it", refusals: 0, want: ["joined: 1"] },
  { name: "makes the pod alone when both were refused", refusals: 1, want: ["joined: 1", "joined: 0"] },
]) {
  test(`ADD ${name}`, async () => {
    const { commands, kernel, policies, attachments } = setUp("10.244.1.0/24");
    const attachPod = kernel.attachPod.bind(kernel);
    const tries: string[] = [];
    const joins: boolean[] = [];
    kernel.attachPod = (plan, sockets, clusterCidrs, options = {}) => {
      tries.push(`joined: ${options.joinedChanges?.bodies.length ?? 0}`);
      if (tries.length <= refusals) return Promise.resolve("not admitted");
      options.joinedChanges?.made();
      return attachPod(plan, sockets, clusterCidrs, options);
    };
    policies.onAdmit = async (join) =>
      void joins.push((await join?.([{ type: 0, flags: 0, payload: [] }])) ?? assert.fail());
    await commands(addRequest("a"), never);
    assert.deepEqual({ tries, joins }, { tries: want, joins: [refusals === 0] });
    assert.equal(attachments.list().length, 1);
  });
}

test("ADD that fails after joined changes were made tells why, and policies forget the pod", async () => {
  const { commands, kernel, policies, ipam } = setUp("10.244.1.0/24");
  kernel.attachPod = async (_plan, _sockets, _clusterCidrs, options) => {
    options?.joinedChanges?.made();
    throw new Error("Cannot create veth: EPERM");
  };
  policies.onAdmit = async (join) => assert.equal(await join?.([]), true);
  await assert.rejects(commands(addRequest("a"), never), /EPERM/);
  assert.deepEqual(policies.asked, ["admit a 10.244.1.2", "release unknown"]);
  assert.equal(ipam.use(0)[0]?.taken, 0);
});

test("ADDs at the same time take nothing along: it would hold up the others' policies", async () => {
  const { commands, policies } = setUp("10.244.1.0/24");
  const joins: boolean[] = [];
  let goOn = (): void => undefined;
  const others = new Promise<void>((resolve) => (goOn = resolve));
  policies.onAdmit = (join) => {
    joins.push(join !== undefined);
    return joins.length === 1 ? others : Promise.resolve();
  };
  const first = commands(addRequest("a"), never);
  await commands(addRequest("b"), never);
  goOn();
  await first;
  await commands(addRequest("c"), never);
  assert.deepEqual(joins, [true, false, true]);
});
