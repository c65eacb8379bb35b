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
    "plan/rules/golden-rulesets",
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
  attack: [
    "test/attacks/hidden-discovery",
    "test/attacks/icmp-errors",
    "test/attacks/loopback-guard",
    "test/attacks/masquerade",
    "test/attacks/node-port-overlay",
    "test/attacks/outsiders",
    "test/attacks/overlay-injection",
    "test/attacks/source-check",
    "test/attacks/stolen-mac",
    "test/attacks/tables",
    "kernel/policy/odd-packets",
  ],
  field: [
    "test/field-cases/distribution-sysctls",
    "test/field-cases/field-cases-datapath",
    "test/field-cases/foreign-filter",
    "test/field-cases/small-mtu",
    "test/field-cases/underlay",
    "kernel/link-churn",
    "kernel/unloaded-kinds",
    "kernel/features/try-features",
    "kernel/nft/foreign/foreign-tables",
    "kernel/nft/foreign/mark-users",
    "kernel/policy/both-tables",
    "kernel/policy/watch-packet-log",
  ],
};

/** Groups that run where the module br_netfilter is loaded. */
export const CALLING_BRIDGES: readonly string[] = ["attack", "field"];

const SAME_ANSWERS = "asks the kernel for nothing that the files above do not: it is about the agent";

/** Those that do not, with the reason: files, or folders with all below them. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  "http/": SAME_ANSWERS,
  "native/": SAME_ANSWERS,
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
  "test/field-cases/field-cases": SAME_ANSWERS,
  "test/field-cases/foreign-routes": "measures what the agent takes of a processor, which here is emulated",
  "test/field-cases/missing-nat":
    "an nft that refuses plays the kernel, from which another suite takes modules",
  "kernel/nft/probe-features": "another suite takes modules from the kernel",
  "kernel/nft/old-nft": "is about an nft that the image does not have",
  "kernel/policy/random-verdicts": "thousands of verdicts by the rules that the other policy tests write",
  "kernel/policy/vectors": "thousands of verdicts by the rules that the other policy tests write",
  "kernel/socket/early-reply": SAME_ANSWERS,
  "kernel/socket/native": SAME_ANSWERS,
  "kernel/wireguard/missing": "the suite missing modules hides WireGuard",
};
