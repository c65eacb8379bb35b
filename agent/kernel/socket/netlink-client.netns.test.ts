import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { after, before, test } from "node:test";
import { cidrOf } from "../../net/cidr.ts";
import {
  addAddress,
  deleteAddress,
  dumpAddresses,
  parseAddress,
  replaceAddress,
} from "../../netlink/route/address.ts";
import { createBridge } from "../../netlink/link/bridge.ts";
import { IN6_ADDR_GEN_MODE_NONE, RT_TABLE_MAIN, RTM_NEWLINK, RTMGRP_LINK } from "../../netlink/constants.ts";
import {
  deleteLink,
  deleteLinkGroup,
  dumpLinks,
  getLink,
  type LinkRef,
  setLink,
} from "../../netlink/link/link.ts";
import { parseMessages } from "../../netlink/message/message.ts";
import {
  addFdbEntry,
  addNeighbour,
  deleteFdbEntry,
  deleteNeighbour,
  dumpFdb,
  dumpNeighbours,
  parseFdbEntry,
  parseNeighbour,
  replaceNeighbour,
} from "../../netlink/route/neighbour.ts";
import { isAlreadyExists, isNotFound, NetlinkError } from "../../netlink/message/netlink-error.ts";
import { type Link, parseLink } from "../../netlink/link/parse-link.ts";
import { addRoute, deleteRoute, dumpRoutes, parseRoute, replaceRoute } from "../../netlink/route/route.ts";
import { createVeth, type VethSpec } from "../../netlink/link/veth.ts";
import { eventually } from "../../testing/machine/eventually.ts";
import { closePod, makeNetns, type Netns, openPod } from "../../testing/machine/netns.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import type { PodSockets } from "../types.ts";
import { loadNative } from "./native.ts";
import { createNetlinkClient } from "./netlink-client.ts";

assertInsideTestNamespaces();

const native = loadNative();
const rtnetlink = createNetlinkClient(native);
const hostMac = "fa:58:0a:f4:01:07";
const podMac = "0a:58:0a:f4:01:07";
const GROUP = 77;

let netns: Netns;
let pod: PodSockets;
let bridgeIndex: number;

before(async () => {
  netns = await makeNetns();
  pod = await openPod(native, netns);
  await rtnetlink.execute([
    {
      requests: [
        createBridge({
          name: "t0",
          mac: "0a:58:00:00:00:01",
          mtu: 1450,
          multicastSnooping: false,
          group: 5,
          ageingTimeMs: 120_000,
        }),
        setLink("t0", { addrGenMode: IN6_ADDR_GEN_MODE_NONE }),
        setLink("t0", { up: true }),
      ],
    },
  ]);
  bridgeIndex = (await readLink("t0")).index;
});

after(async () => {
  await rtnetlink.tryExecute([{ requests: [deleteLink("t0")] }]);
  closePod(native, pod);
  await netns.remove();
  rtnetlink.close();
});

async function readLink(link: LinkRef, socket?: number): Promise<Link> {
  const [[[reply] = []] = []] = await rtnetlink.execute([{ socket, requests: [getLink(link)] }]);
  assert.ok(reply !== undefined);
  return parseLink(reply.payload);
}

function vethSpec(name: string, index: number): VethSpec {
  return {
    host: { name, mac: hostMac, mtu: 1450, index, master: bridgeIndex, group: GROUP },
    peer: { name: "eth0", mac: podMac, mtu: 1450, index, netns: pod.netns },
  };
}

/** Makes a veth for one test and takes it away after it. */
async function withVeth(name: string, index: number, use: () => Promise<void>): Promise<void> {
  await rtnetlink.execute([{ requests: [createVeth(vethSpec(name, index))] }]);
  try {
    await use();
  } finally {
    await rtnetlink.execute([{ requests: [deleteLink(name)] }]);
  }
}

test("createBridge() makes the bridge as told", async () => {
  const { name, kind, mac, mtu, up, group, addrGenMode } = await readLink("t0");
  assert.deepEqual(
    { name, kind, mac, mtu, up, group, addrGenMode },
    {
      name: "t0",
      kind: "bridge",
      mac: "0a:58:00:00:00:01",
      mtu: 1450,
      up: true,
      group: 5,
      addrGenMode: IN6_ADDR_GEN_MODE_NONE,
    },
  );
});

test("createVeth() makes both ends in one message, the peer in its namespace", async () => {
  await withVeth("t1", 1001, async () => {
    const host = await readLink("t1");
    assert.equal(host.index, 1001);
    assert.equal(host.mac, hostMac);
    assert.equal(host.kind, "veth");
    assert.equal(host.masterIndex, bridgeIndex);
    assert.equal(host.group, GROUP);
    assert.equal(host.peerIndex, 1001);
    assert.ok(host.netnsId !== undefined && host.netnsId >= 0);
    const peer = await readLink("eth0", pod.rtnetlink);
    assert.deepEqual(
      { index: peer.index, mac: peer.mac, mtu: peer.mtu, up: peer.up },
      { index: 1001, mac: podMac, mtu: 1450, up: false },
    );
  });
});

test("setLink() changes alias, IPv4 settings and bridge port, which parseLink() reads back", async () => {
  const bridgePort = {
    isolated: true,
    learning: false,
    unicastFlood: false,
    multicastFlood: false,
    broadcastFlood: false,
    hairpin: true,
    neighSuppress: true,
  };
  await withVeth("t1", 1002, async () => {
    const inetConf = { forwarding: 1, rp_filter: 2, send_redirects: 0 };
    const requests = [
      setLink(1002, { alias: "causeway 1 n c eth0 10.0.0.2", inetConf, bridgePort, addrGenMode: 1 }),
      setLink("t1", { up: true, mtu: 1400, mac: "fa:58:0a:f4:01:08" }),
    ];
    await rtnetlink.execute([{ requests }]);
    const link = await readLink(1002);
    assert.equal(link.alias, "causeway 1 n c eth0 10.0.0.2");
    assert.deepEqual(link.bridgePort, bridgePort);
    assert.deepEqual({ ...link.inetConf, ...inetConf }, link.inetConf);
    assert.deepEqual(
      { up: link.up, mtu: link.mtu, mac: link.mac, addrGenMode: link.addrGenMode },
      { up: true, mtu: 1400, mac: "fa:58:0a:f4:01:08", addrGenMode: 1 },
    );
    await rtnetlink.execute([{ requests: [setLink("t1", { master: 0, alias: "", up: false })] }]);
    const freed = await readLink("t1");
    assert.deepEqual(
      { master: freed.masterIndex, port: freed.bridgePort, alias: freed.alias, up: freed.up },
      { master: undefined, port: undefined, alias: undefined, up: false },
    );
  });
});

test("setLink() keeps the longest alias that the kernel takes", async () => {
  await withVeth("t1", 1003, async () => {
    const alias = "x".repeat(255);
    await rtnetlink.execute([{ requests: [setLink("t1", { alias })] }]);
    assert.equal((await readLink("t1")).alias, alias);
    const tooLong = [{ requests: [setLink("t1", { alias: `${alias}x` })] }];
    await assert.rejects(rtnetlink.execute(tooLong), NetlinkError);
  });
});

test("dumpLinks() lists the ports of one bridge, or the links of one kind", async () => {
  await withVeth("t1", 1004, async () => {
    const names = async (filter: { master?: number; kind?: string }): Promise<string[]> =>
      (await rtnetlink.dump(dumpLinks(filter))).map((payload) => parseLink(payload).name);
    assert.deepEqual(await names({ master: bridgeIndex }), ["t1"]);
    assert.deepEqual(await names({ kind: "bridge" }), ["t0"]);
    assert.ok((await names({})).includes("lo"));
  });
});

test("addAddress() and addRoute() work through a socket of the pod's namespace", async () => {
  await withVeth("t1", 1005, async () => {
    const gateway = cidrOf("10.244.1.1", 32);
    const [linkIndex, protocol, socket] = [1005, 99, pod.rtnetlink];
    const requests = [
      addAddress({ linkIndex, address: "10.244.1.7", prefixLength: 32 }),
      addAddress({ linkIndex, address: "fd00::7", prefixLength: 128, noDad: true, noPrefixRoute: true }),
      setLink(linkIndex, { up: true }),
      addNeighbour({ linkIndex, address: "10.244.1.1", mac: hostMac }),
      addNeighbour({ linkIndex, address: "fd00::1", mac: hostMac }),
      addRoute({ destination: gateway, linkIndex, scope: "link", protocol }),
      addRoute({ destination: cidrOf("0.0.0.0", 0), gateway: "10.244.1.1", protocol, mtu: 1400, metric: 7 }),
      addRoute({
        destination: cidrOf("10.9.0.0", 16),
        gateway: "192.0.2.9",
        linkIndex,
        protocol,
        onlink: true,
      }),
      addRoute({ destination: cidrOf("fd00:2::", 32), linkIndex, protocol, table: 1000 }),
    ];
    await rtnetlink.execute([{ requests: [setLink("t1", { up: true })] }, { socket, requests }]);

    const addresses = (await rtnetlink.dump(dumpAddresses({ linkIndex }), socket)).map(parseAddress);
    assert.deepEqual(
      addresses
        .filter(({ scope }) => scope === "global")
        .map(({ address, prefixLength, noDad, noPrefixRoute, tentative }) => {
          return { address, prefixLength, noDad, noPrefixRoute, tentative };
        }),
      [
        { address: "10.244.1.7", prefixLength: 32, noDad: false, noPrefixRoute: false, tentative: false },
        { address: "fd00::7", prefixLength: 128, noDad: true, noPrefixRoute: true, tentative: false },
      ],
    );

    const neighbours = (await rtnetlink.dump(dumpNeighbours({ linkIndex }), socket)).map(parseNeighbour);
    for (const address of ["10.244.1.1", "fd00::1"]) {
      const entry = neighbours.find((neighbour) => neighbour.address === address);
      assert.deepEqual(entry, { linkIndex, address, mac: hostMac, permanent: true });
    }

    const filter = { table: RT_TABLE_MAIN, protocol, linkIndex };
    const routes = (await rtnetlink.dump(dumpRoutes({ family: 4, ...filter }), socket)).map(parseRoute);
    const common = {
      linkIndex,
      protocol,
      table: RT_TABLE_MAIN,
      source: undefined,
      type: 1,
      nextHops: [],
      nextHopId: undefined,
    };
    const zero = cidrOf("0.0.0.0", 0);
    const far = cidrOf("10.9.0.0", 16);
    const plain = { ...common, metric: undefined, mtu: undefined, onlink: false };
    assert.deepEqual(
      routes.toSorted((a, b) => a.destination.prefixLength - b.destination.prefixLength),
      [
        { ...plain, destination: zero, gateway: "10.244.1.1", scope: "global", mtu: 1400, metric: 7 },
        { ...plain, destination: far, gateway: "192.0.2.9", scope: "global", onlink: true },
        { ...plain, destination: gateway, gateway: undefined, scope: "link" },
      ],
    );
    const own = (await rtnetlink.dump(dumpRoutes({ family: 6, table: 1000 }), socket)).map(parseRoute);
    assert.deepEqual(
      own.map(({ destination, table }) => ({ destination, table })),
      [{ destination: cidrOf("fd00:2::", 32), table: 1000 }],
    );
    await rtnetlink.execute([
      {
        socket,
        requests: [
          deleteRoute({ destination: far, protocol }),
          deleteNeighbour({ linkIndex, address: "10.244.1.1" }),
          deleteAddress({ linkIndex, address: "fd00::7", prefixLength: 128 }),
        ],
      },
    ]);
    const left = (await rtnetlink.dump(dumpRoutes({ family: 4, ...filter }), socket)).map(parseRoute);
    assert.ok(!left.some(({ destination }) => destination.base === far.base));
  });
});

test("replaceAddress() changes the lifetimes of an address that the link has", async () => {
  const spec = { linkIndex: bridgeIndex, address: "10.8.0.1", prefixLength: 24 };
  for (const deprecated of [true, false]) {
    await rtnetlink.execute([{ requests: [replaceAddress({ ...spec, deprecated })] }]);
    const found = (await rtnetlink.dump(dumpAddresses({ linkIndex: bridgeIndex, family: 4 }))).map(
      parseAddress,
    );
    assert.deepEqual(
      found.map((address) => [address.address, address.deprecated]),
      [["10.8.0.1", deprecated]],
    );
  }
  await rtnetlink.execute([{ requests: [deleteAddress(spec)] }]);
});

test("dumpRoutes() of a table that was never used is empty", async () => {
  assert.deepEqual(await rtnetlink.dump(dumpRoutes({ family: 4, table: 4711 })), []);
  assert.deepEqual(await rtnetlink.dump(dumpRoutes({ family: 6, table: 4711 })), []);
});

test("replaceRoute() takes the place of a route", async () => {
  const spec = { destination: cidrOf("10.77.0.0", 16), linkIndex: bridgeIndex, protocol: 99 };
  await rtnetlink.execute([{ requests: [addRoute(spec), replaceRoute({ ...spec, mtu: 1300 })] }]);
  const routes = (await rtnetlink.dump(dumpRoutes({ family: 4, protocol: 99 }))).map(parseRoute);
  assert.deepEqual(
    routes.map(({ destination, mtu }) => ({ destination, mtu })),
    [{ destination: spec.destination, mtu: 1300 }],
  );
  await rtnetlink.execute([{ requests: [deleteRoute(spec)] }]);
});

test("addFdbEntry() makes static entries of a bridge, which dumpFdb() lists", async () => {
  await withVeth("t1", 1006, async () => {
    const entry = { linkIndex: 1006, mac: podMac, owner: "master" as const };
    await rtnetlink.execute([{ requests: [addFdbEntry(entry)] }]);
    const entries = (await rtnetlink.dump(dumpFdb({ linkIndex: 1006 }))).map(parseFdbEntry);
    const want = { ...entry, destination: undefined, fixed: true, masterIndex: bridgeIndex };
    assert.deepEqual(
      entries.find(({ mac }) => mac === podMac),
      want,
    );
    await assert.rejects(rtnetlink.execute([{ requests: [addFdbEntry(entry)] }]), isAlreadyExists);
    await rtnetlink.execute([{ requests: [deleteFdbEntry(entry)] }]);
    await assert.rejects(rtnetlink.execute([{ requests: [deleteFdbEntry(entry)] }]), isNotFound);
    const left = (await rtnetlink.dump(dumpFdb({ masterIndex: bridgeIndex }))).map(parseFdbEntry);
    assert.ok(!left.some(({ mac }) => mac === podMac));
  });
});

test("replaceNeighbour() overwrites an entry", async () => {
  const entry = { linkIndex: bridgeIndex, address: "10.244.1.7" };
  for (const mac of [podMac, hostMac]) {
    await rtnetlink.execute([{ requests: [replaceNeighbour({ ...entry, mac })] }]);
    const found = (await rtnetlink.dump(dumpNeighbours({ family: 4, linkIndex: bridgeIndex }))).map(
      parseNeighbour,
    );
    assert.deepEqual(found, [{ ...entry, mac, permanent: true }]);
  }
  await rtnetlink.execute([{ requests: [deleteNeighbour(entry)] }]);
  await assert.rejects(rtnetlink.execute([{ requests: [deleteNeighbour(entry)] }]), isNotFound);
});

test("execute() throws the kernel's error with its own words", async () => {
  const address = addAddress({ linkIndex: bridgeIndex, address: "10.5.0.1", prefixLength: 24 });
  const taken = [{ requests: [address, address] }];
  await assert.rejects(rtnetlink.execute(taken), (error) => {
    assert.ok(isAlreadyExists(error) && error instanceof NetlinkError);
    // Before Linux 6.12 the kernel has no words for it.
    assert.match(
      error.message,
      /^Cannot add address 10\.5\.0\.1\/24: EEXIST \(already exists(?:; kernel: ".+")?\)$/,
    );
    return true;
  });
  const route = addRoute({ destination: cidrOf("10.244.2.0", 24), gateway: "192.0.2.7", protocol: 99 });
  await assert.rejects(rtnetlink.execute([{ requests: [route] }]), {
    code: "ENETUNREACH",
    message:
      /^Cannot add route 10\.244\.2\.0\/24 via 192\.0\.2\.7: ENETUNREACH \(network is unreachable; kernel: ".+"\)$/,
  });
  await rtnetlink.execute([
    { requests: [deleteAddress({ linkIndex: bridgeIndex, address: "10.5.0.1", prefixLength: 24 })] },
  ]);
});

test("tryExecute() tries every request of a step and skips the steps after an error", async () => {
  const route = addRoute({ destination: cidrOf("10.66.0.0", 16), linkIndex: bridgeIndex, protocol: 99 });
  const outcomes = await rtnetlink.tryExecute([
    { requests: [deleteLink("nosuch"), route] },
    { socket: pod.rtnetlink, requests: [setLink("lo", { up: true })] },
  ]);
  assert.deepEqual(
    outcomes.map((step) => step.map(({ status }) => status)),
    [["failed", "done"], ["skipped"]],
  );
  assert.equal((await readLink("lo", pod.rtnetlink)).up, false);
  await rtnetlink.execute([
    { requests: [deleteRoute({ destination: cidrOf("10.66.0.0", 16), protocol: 99 })] },
  ]);
});

test("execute() answers ENODEV for a link that is not there, by name and by index", async () => {
  for (const link of ["nosuch", 999_999]) {
    await assert.rejects(rtnetlink.execute([{ requests: [getLink(link)] }]), isNotFound);
    await assert.rejects(rtnetlink.execute([{ requests: [deleteLink(link)] }]), isNotFound);
  }
});

test("execute() sends more requests than fit into one batch, and many at the same time", async () => {
  const destinations = Array.from({ length: 250 }, (_, index) => cidrOf(`10.99.${index}.0`, 24));
  const routes = destinations.map((destination) => ({ destination, linkIndex: bridgeIndex, protocol: 77 }));
  await rtnetlink.execute([{ requests: routes.map((route) => addRoute(route)) }]);
  assert.equal((await rtnetlink.dump(dumpRoutes({ family: 4, protocol: 77 }))).length, 250);
  await Promise.all(routes.map((route) => rtnetlink.execute([{ requests: [deleteRoute(route)] }])));
  assert.equal((await rtnetlink.dump(dumpRoutes({ family: 4, protocol: 77 }))).length, 0);
});

test("dump() reads thousands of entries in many parts", async () => {
  const neighbours = Array.from({ length: 3000 }, (_, index) => ({
    linkIndex: bridgeIndex,
    address: `10.100.${index >> 8}.${index & 255}`,
    mac: podMac,
  }));
  await rtnetlink.execute([{ requests: neighbours.map((neighbour) => addNeighbour(neighbour)) }]);
  const found = await rtnetlink.dump(dumpNeighbours({ family: 4, linkIndex: bridgeIndex }));
  assert.deepEqual(
    new Set(found.map((payload) => parseNeighbour(payload).address)),
    new Set(neighbours.map(({ address }) => address)),
  );
  await rtnetlink.execute([{ requests: neighbours.map((neighbour) => deleteNeighbour(neighbour)) }]);
});

test("walk() reads a dump that may be of any length part by part, each after the last was looked at", async () => {
  const addresses = Array.from({ length: 3000 }, (_, index) => `10.101.${index >> 8}.${index & 255}`);
  const neighbours = addresses.map((address) => ({ linkIndex: bridgeIndex, address, mac: podMac }));
  await rtnetlink.execute([{ requests: neighbours.map((neighbour) => addNeighbour(neighbour)) }]);
  const found: string[] = [];
  const parts: number[] = [];
  await rtnetlink.walk(dumpNeighbours({ family: 4, linkIndex: bridgeIndex }), async (payloads) => {
    parts.push(payloads.length);
    const part = payloads.map((payload) => parseNeighbour(payload));
    found.push(...part.map(({ address }) => address));
    await rtnetlink.execute([{ requests: part.map((neighbour) => deleteNeighbour(neighbour)) }]);
  });
  assert.deepEqual(new Set(found), new Set(addresses));
  assert.ok(Math.max(...parts) <= addresses.length / 2, `parts of ${parts.join(", ")}`);
});

test("walk() says what the kernel refuses, and leaves no socket behind", async () => {
  const count = (): number => readdirSync("/proc/self/fd").length;
  const opened = count();
  const walked = rtnetlink.walk(dumpRoutes({ family: 4, table: 4711 }), () => undefined);
  await assert.rejects(walked, { name: "NetlinkError", code: "ENOENT" });
  assert.equal(count(), opened);
});

test("deleteLinkGroup() deletes all links of a group at once, and no other", async () => {
  const veths = Array.from({ length: 5 }, (_, index) => {
    const { host, peer } = vethSpec(`t2x${index}`, 1100 + index);
    return createVeth({ host, peer: { ...peer, name: `eth${index}` } });
  });
  await rtnetlink.execute([{ requests: veths }]);
  const ports = async (): Promise<number> =>
    (await rtnetlink.dump(dumpLinks({ master: bridgeIndex }))).length;
  assert.equal(await ports(), 5);
  await rtnetlink.execute([{ requests: [deleteLinkGroup(GROUP)] }]);
  assert.equal(await ports(), 0);
  assert.equal((await readLink("t0")).index, bridgeIndex);
  await assert.rejects(rtnetlink.execute([{ requests: [deleteLinkGroup(GROUP)] }]), isNotFound);
});

/** Each lets the kernel work for a millisecond, however slow the machine is. */
const MAX_LOOKS = 100_000;

/** Messages that a netlink socket had no room for, which are the last column but one. */
function dropsOf(fd: number): number {
  const [inode] = /\d+/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? [];
  const rows = readFileSync("/proc/self/net/netlink", "utf8").split("\n");
  const columns = rows.map((row) => row.trim().split(/\s+/)).find((row) => row.at(-1) === inode);
  return Number(columns?.at(-2));
}

test("watch() reports links that come, and that messages were lost when they come too fast", async () => {
  const fd = native.openNetlink(0, RTMGRP_LINK);
  const names = new Set<string>();
  const errors: string[] = [];
  const watch = native.watch(
    fd,
    (bytes) => {
      for (const { type, payload } of parseMessages(bytes)) {
        if (type === RTM_NEWLINK) names.add(parseLink(payload).name);
      }
    },
    (code) => errors.push(code),
  );
  try {
    await withVeth("t3", 1200, async () => {
      await eventually("the new link is reported", () => names.has("t3"));
      // Only of a link that is up the kernel reports a new alias.
      await rtnetlink.execute([{ requests: [setLink("t3", { up: true })] }]);
      const requests = Array.from({ length: 100 }, (_, index) => setLink("t3", { alias: `a${index}` }));
      const running = rtnetlink.execute(Array.from({ length: 20 }, () => ({ requests })));
      await new Promise(setImmediate);
      // The requests run in their thread while the event loop is held up, and make more events than the
      // socket holds.
      const cell = new Int32Array(new SharedArrayBuffer(4));
      for (let look = 0; look < MAX_LOOKS && dropsOf(fd) === 0; look++) Atomics.wait(cell, 0, 0, 1);
      await running;
      await eventually("lost messages are reported", () => errors.length > 0);
      assert.deepEqual(new Set(errors), new Set(["ENOBUFS"]));
      names.clear();
      await rtnetlink.execute([{ requests: [setLink("t3", { alias: "after" })] }]);
      await eventually("the watch goes on", () => names.has("t3"));
    });
  } finally {
    watch.stop();
    native.close(fd);
  }
  names.clear();
  await rtnetlink.execute([{ requests: [setLink("t0", { alias: "stopped" })] }]);
  await new Promise(setImmediate);
  assert.equal(names.size, 0);
});
