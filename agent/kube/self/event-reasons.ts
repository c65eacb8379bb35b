/**
 * Kinds of our Events, and what the agent tried when it met the fault. docs/warnings.md tells what each
 * means.
 */
export const EVENT_ACTIONS = {
  AddressInVRF: "RouteToNodes",
  AnnotationIgnored: "ServePods",
  ForeignFilter: "ForwardPods",
  HostPortsUnavailable: "ServePods",
  KeyRotationDelayed: "EncryptTraffic",
  MTUTooSmall: "RouteToNodes",
  NoPodCIDR: "ServePods",
  NodeRefused: "RouteToNodes",
  NodesUnreachable: "RouteToNodes",
  PodNetworkNotReady: "ServePods",
  PodUnknown: "EnforcePolicies",
  PolicyNotEnforced: "EnforcePolicies",
  PortUnavailable: "ServeMetrics",
  RivalConfiguration: "ServePods",
  TrafficNotEncrypted: "EncryptTraffic",
} as const;

export type EventReason = keyof typeof EVENT_ACTIONS;
