/** Kernel tests that run in guests, by suite: files below agent/, without their ending. */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  kernel: [
    "kernel/linux-kernel",
    "kernel/damage",
    "kernel/pod-identity",
    "kernel/pod/route-pod",
    "kernel/peer/peers",
    "kernel/socket/netlink-client",
    "kernel/uplink/underlay",
    "kernel/nft/nftables",
    "reconcile/node",
    "test/attacks/bridge-attacks",
  ],
  policy: ["kernel/policy/policy-kernel", "kernel/policy/traffic", "kernel/policy/end-connections"],
  agent: [
    "test/agent/conformance",
    "test/agent/main-drift",
    "test/field-cases/host-ports",
    "test/field-cases/bandwidth",
    "test/field-cases/bandwidth-rates",
  ],
};

const SAME_ANSWERS = "asks the kernel for nothing that the files above do not: it is about the agent";
const UNTRIED = "has not been tried in a guest";

/** Those that do not, with the reason: files, or folders with all below them. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  "http/": SAME_ANSWERS,
  "native/": SAME_ANSWERS,
  "plan/": SAME_ANSWERS,
  "report/": SAME_ANSWERS,
  "status/": SAME_ANSWERS,
  "testing/runner/": "is about the runner of kernel tests, which a guest does not need",
  "test/commands/": SAME_ANSWERS,
  "test/faults/": SAME_ANSWERS,
  "test/policy/": "its traffic is that of the policy tests",
  "reconcile/policy/": "its traffic is that of the policy tests",
  "test/agent/": SAME_ANSWERS,
  "test/attacks/hostile-nodes": SAME_ANSWERS,
  "test/attacks/http-attacks": SAME_ANSWERS,
  "test/attacks/": UNTRIED,
  "test/field-cases/field-cases": SAME_ANSWERS,
  "test/field-cases/foreign-routes": "measures what the agent takes of a processor, which here is emulated",
  "test/field-cases/missing-nat":
    "an nft that refuses plays the kernel, from which another suite takes modules",
  "test/field-cases/": UNTRIED,
  "kernel/link-churn": UNTRIED,
  "kernel/nft/old-nft": "is about an nft that the image does not have",
  "kernel/nft/foreign/": UNTRIED,
  "kernel/unloaded-kinds": UNTRIED,
  "kernel/policy/both-tables": UNTRIED,
  "kernel/policy/odd-packets": UNTRIED,
  "kernel/policy/random-verdicts": "thousands of verdicts by the rules that the other policy tests write",
  "kernel/policy/vectors": "thousands of verdicts by the rules that the other policy tests write",
  "kernel/policy/watch-packet-log": UNTRIED,
  "kernel/socket/early-reply": SAME_ANSWERS,
  "kernel/socket/native": SAME_ANSWERS,
  "kernel/wireguard/missing": "needs a kernel without WireGuard, which all of these have",
};
