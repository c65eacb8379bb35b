/**
 * In a container nothing tells what the kernel was built with: a kernel without the overlay or limits was
 * called fine until a node or a pod needed them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ACKNOWLEDGED, type NetlinkRequest, type Outcome } from "../../netlink/message/message.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { KERNEL_FEATURES } from "../../plan/node/kernel-features.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import { tryFeatures } from "./try-features.ts";

const NUMBERS = { EPERM: 1, ENOENT: 2, ENOMEM: 12, EINVAL: 22, EOPNOTSUPP: 95 } as const;
type Code = keyof typeof NUMBERS;

const answered: Outcome = { status: "done", replies: [], interrupted: false };

/** A kernel that has all, unless `refuse` says with which error it answers instead. */
function kernel(refuse: (what: string) => Code | undefined): () => Pick<NetlinkClient, "tryExecute"> {
  const answer = ({ what }: NetlinkRequest): Outcome => {
    const code = refuse(what) ?? (what.startsWith("try") ? "EINVAL" : undefined);
    if (code === undefined) return what.startsWith("count") ? answered : ACKNOWLEDGED;
    return { status: "failed", error: new NetlinkError({ errno: NUMBERS[code], what }) };
  };
  const tryExecute: NetlinkClient["tryExecute"] = (steps) =>
    Promise.resolve(steps.map(({ requests }) => ("bytes" in requests ? [] : requests.map(answer))));
  return () => ({ tryExecute });
}

const LACKING: readonly (readonly [module: string, question: string, answer: Code])[] = [
  ["bridge", "try the kind of links bridge", "EOPNOTSUPP"],
  ["veth", "try the kind of links veth", "EOPNOTSUPP"],
  ["vxlan", "try the kind of links vxlan", "EOPNOTSUPP"],
  ["ifb", "try the kind of links ifb", "EOPNOTSUPP"],
  ["sch_tbf", "try the qdisc tbf", "ENOENT"],
  ["sch_ingress", "try the qdisc ingress", "EOPNOTSUPP"],
  ["act_mirred", "try the action mirred", "ENOENT"],
  ["tcp_diag", "list no sockets of protocol 6", "ENOENT"],
  ["udp_diag", "list no sockets of protocol 17", "ENOENT"],
  ["nf_conntrack_netlink", "count tracked connections", "EINVAL"],
];

const modulesOf = (features: typeof KERNEL_FEATURES): unknown => features.map(({ module }) => module);
const ASKED = KERNEL_FEATURES.filter(({ probe }) => typeof probe === "object");

for (const [module, question, code] of LACKING)
  test(`tryFeatures() finds that ${module} is missing`, async () => {
    const { refused, untried } = await tryFeatures(
      ASKED,
      kernel((what) => (what === question ? code : undefined)),
    );
    assert.deepEqual(modulesOf(refused), [module]);
    assert.deepEqual(untried, []);
  });

test("tryFeatures() finds that xfrm_user is missing by the protocol that no socket can be opened for", async () => {
  const has = kernel(() => undefined);
  const unopened = Object.assign(new Error("no protocol"), { code: "EPROTONOSUPPORT" });
  const lacks = { tryExecute: () => Promise.reject(unopened) };
  const { refused, untried } = await tryFeatures(ASKED, (protocol) => (protocol === 6 ? lacks : has()));
  assert.deepEqual(modulesOf(refused), ["xfrm_user"]);
  assert.deepEqual(untried, []);
});

for (const code of ["EPERM", "ENOMEM"] as const)
  test(`tryFeatures() takes an answer of ${code} for neither`, async () => {
    assert.deepEqual(
      await tryFeatures(
        ASKED,
        kernel(() => code),
      ),
      { refused: [], untried: ASKED },
    );
  });

test("tryFeatures() tells of what nobody can ask for", async () => {
  const features = KERNEL_FEATURES.filter(({ module }) => module === "cls_u32" || module === "nft_masq");
  assert.deepEqual(
    await tryFeatures(
      features,
      kernel(() => undefined),
    ),
    { refused: [], untried: features },
  );
});
