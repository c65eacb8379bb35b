import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cidr, parseCidr } from "../net/cidr.ts";
import type { Attachment } from "../plan/pods/attachment.ts";
import { createAttachments } from "./attachments.ts";
import { createHostPortTable } from "./host-port-table.ts";
import { createIpam, type Ipam } from "./ipam.ts";

function cidrs(...texts: readonly string[]): Cidr[] {
  return texts.map(parseCidr).filter((cidr) => cidr !== undefined);
}

function ipamOf(...texts: readonly string[]): Ipam {
  const ipam = createIpam();
  ipam.setPodCidrs(cidrs(...texts));
  return ipam;
}

function attachment(containerId: string, ...addresses: readonly string[]): Attachment {
  return { network: "causeway", containerId, ifname: "eth0", addresses };
}

const taken = (ipam: Ipam): number[] => ipam.use(0).map((pool) => pool.taken);

test("beginReload() adopts what the kernel has and tells what vanished", () => {
  const ipam = ipamOf("10.244.1.0/24");
  const attachments = createAttachments(ipam, createHostPortTable());
  attachments.beginReload()(new Map([["cwa", attachment("a", "10.244.1.2")]]));
  assert.deepEqual(taken(ipam), [1]);
  const changes = attachments.beginReload()(new Map([["cwb", attachment("b", "10.244.1.3")]]));
  assert.deepEqual(changes, {
    adopted: ["cwb"],
    vanished: [{ hostLink: "cwa", attachment: attachment("a", "10.244.1.2") }],
  });
  attachments.remove("cwa", 0);
  assert.deepEqual(attachments.list(), [attachment("b", "10.244.1.3")]);
  assert.deepEqual(taken(ipam), [1]);
});

test("beginReload() leaves an attachment alone that was added after the dump began", () => {
  const attachments = createAttachments(ipamOf("10.244.1.0/24"), createHostPortTable());
  const finish = attachments.beginReload();
  attachments.add("cwa", attachment("a", "10.244.1.2"));
  assert.deepEqual(finish(new Map()), { adopted: [], vanished: [] });
});

test("beginReload() does not revive an attachment that was removed after the dump began", () => {
  const ipam = ipamOf("10.244.1.0/24");
  const attachments = createAttachments(ipam, createHostPortTable());
  const observed = new Map([["cwa", attachment("a", "10.244.1.2")]]);
  attachments.beginReload()(observed);
  const finish = attachments.beginReload();
  attachments.remove("cwa", 0);
  assert.deepEqual(finish(observed), { adopted: [], vanished: [] });
  assert.deepEqual(taken(ipam), [0]);
});

test("beginReload() leaves an attachment alone whose ADD or DEL overlaps with it", async () => {
  const attachments = createAttachments(ipamOf("10.244.1.0/24"), createHostPortTable());
  const observed = new Map([["cwa", attachment("a", "10.244.1.2")]]);
  const before = attachments.beginReload();
  const during = await attachments.changing("cwa", () => {
    assert.deepEqual(attachments.beginReload()(observed), { adopted: [], vanished: [] });
    return Promise.resolve(attachments.beginReload());
  });
  for (const finish of [before, during]) assert.deepEqual(finish(observed), { adopted: [], vanished: [] });
  assert.deepEqual(attachments.beginReload()(observed).adopted, ["cwa"]);
});

test("setPodCidrs() of a re-created Node: new pods from the new CIDR, old attachments live on until they go", () => {
  const ipam = ipamOf("10.244.1.0/24");
  const attachments = createAttachments(ipam, createHostPortTable());
  attachments.beginReload()(new Map([["cwa", attachment("a", "10.244.1.2")]]));
  ipam.setPodCidrs(cidrs("10.244.7.0/24"));
  assert.deepEqual(ipam.formerCidrs(), cidrs("10.244.1.0/24"));
  const reservation = ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  assert.deepEqual(reservation.addresses, [{ family: 4, address: "10.244.7.2", gateway: "10.244.7.1" }]);
  attachments.remove("cwa", 0);
  assert.deepEqual(ipam.formerCidrs(), []);
});

test("setPodCidrs() back to a CIDR that still has pods keeps their addresses taken", () => {
  const ipam = ipamOf("10.244.1.0/24");
  ipam.claim(["10.244.1.2"]);
  ipam.setPodCidrs(cidrs("10.244.7.0/24"));
  ipam.setPodCidrs(cidrs("10.244.1.0/24"));
  const reservation = ipam.reserve();
  assert.ok(reservation.outcome === "reserved");
  assert.equal(reservation.addresses[0]?.address, "10.244.1.3");
});

test("reserve() follows the order of the PodCIDRs and takes the second of a family when the first is full", () => {
  const ipam = ipamOf("fd00:1::/64", "10.244.1.0/30", "10.244.2.0/30");
  const addresses = [1, 2, 3].map(() => {
    const reservation = ipam.reserve();
    return reservation.outcome === "reserved"
      ? reservation.addresses.map(({ address }) => address)
      : reservation.outcome;
  });
  assert.deepEqual(addresses, [["fd00:1::2", "10.244.1.2"], ["fd00:1::3", "10.244.2.2"], "exhausted"]);
  assert.deepEqual(taken(ipam), [2, 1, 1]);
});

test("addFormerCidr() lets a restart claim the pods of a CIDR that the node no longer has", () => {
  const ipam = ipamOf("10.244.7.0/24");
  ipam.addFormerCidr(cidrs("10.244.1.0/24")[0] ?? assert.fail());
  ipam.claim(["10.244.1.9"]);
  ipam.resume();
  assert.deepEqual(ipam.formerCidrs(), cidrs("10.244.1.0/24"));
});
