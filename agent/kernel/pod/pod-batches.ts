import { formatBirthName } from "../../plan/pods/names/birth-name.ts";
import { addressToBytes, type Family } from "../../net/address.ts";
import { linkLocalOf, macToBytes } from "../../net/mac.ts";
import {
  type BatchTemplate,
  createBatchTemplate,
  fillTemplate,
} from "../../netlink/message/batch-template.ts";
import { u32Bytes } from "../../netlink/message/host-order.ts";
import { encodeBatch, type NetlinkRequest, type Requests } from "../../netlink/message/message.ts";
import { padAlias, podRequests, type PodRequestsInput } from "./pod-requests.ts";

/** The messages that make one attachment, in the order in which they are sent (see {@link podRequests}). */
export type PodBatches = Readonly<Record<Part, Requests>>;

const PARTS = ["admit", "create", "host", "pod", "routes"] as const;
type Part = (typeof PARTS)[number];

type Field =
  | "linkIndex"
  | "podLinkIndex"
  | "netns"
  | "link"
  | "hostMac"
  | "podMac"
  | "alias"
  | "uid"
  | "birth"
  | "linkLocal"
  | `address${Family}`;

/** Pods of one node are of few kinds: an alias is padded, gateways and MTU seldom change. */
const MAX_TEMPLATES = 64;

const NO_BYTES = Buffer.alloc(0);

/**
 * Encodes pods, by a template for each kind. Host ports, limits and a name too long for the alias make a pod
 * one of its own, whose requests are encoded one by one.
 */
export function createPodEncoder(): (input: PodRequestsInput) => PodBatches {
  const templates = new Map<string, BatchTemplate<Field>>();

  const templateOf = (input: PodRequestsInput): BatchTemplate<Field> => {
    const kind = kindOf(input);
    const known = templates.get(kind);
    if (known !== undefined) return known;
    if (templates.size === MAX_TEMPLATES) templates.clear();
    const template = makeTemplate(input);
    templates.set(kind, template);
    return template;
  };

  return (input) => {
    if (isOneOfItsOwn(input)) return listParts(input);
    const filled = fillTemplate(templateOf(input), valuesOf(input));
    const encoded = PARTS.map((part, index): [Part, Requests] => {
      const { bytes = NO_BYTES, offsets = [] } = filled[index] ?? {};
      const requests = (): readonly NetlinkRequest[] => listParts(input)[part];
      return [part, { bytes, offsets, requests, isTransaction: part === "admit" }];
    });
    return Object.fromEntries(encoded) as PodBatches;
  };
}

function isOneOfItsOwn({ plan }: PodRequestsInput): boolean {
  const { ingress, egress } = plan.attachment.settings.bandwidth;
  return plan.host.altNames.length > 0 || ingress !== undefined || egress !== undefined;
}

/** The same as requests. */
function listParts(input: PodRequestsInput): Readonly<Record<Part, readonly NetlinkRequest[]>> {
  const { routes, ...parts } = podRequests(input);
  return { ...parts, routes: routes.flatMap(({ toGateway, byDefault }) => [toGateway, byDefault]) };
}

/** All that the messages depend on and that is no field. */
function kindOf({ plan, bridgeIndex, hasIpv6 }: PodRequestsInput): string {
  const { host, pod, mtu } = plan;
  const gateways = pod.addresses.map(({ gateway }) => gateway).join();
  const aliasLength = padAlias(host.alias).length;
  const uidLength = host.uidName?.length ?? 0;
  return `${pod.ifname} ${mtu} ${bridgeIndex} ${hasIpv6} ${gateways} ${pod.gatewayMac} ${aliasLength} ${uidLength}`;
}

function valuesOf({
  plan,
  linkIndex,
  podLinkIndex,
  netns,
  bornMs,
}: PodRequestsInput): ReadonlyMap<Field, Uint8Array> {
  const { host, pod } = plan;
  const values = new Map<Field, Uint8Array>([
    ["linkIndex", u32Bytes(linkIndex)],
    ["podLinkIndex", u32Bytes(podLinkIndex)],
    ["netns", u32Bytes(netns)],
    ["link", Buffer.from(host.link)],
    ["hostMac", macToBytes(host.mac)],
    ["podMac", macToBytes(pod.mac)],
    ["alias", Buffer.from(padAlias(host.alias))],
    ["birth", Buffer.from(formatBirthName(host.link, bornMs))],
  ]);
  if (host.uidName !== undefined) values.set("uid", Buffer.from(host.uidName));
  for (const { family, address } of pod.addresses) {
    values.set(`address${family}`, addressToBytes(address));
    if (family === 6) values.set("linkLocal", addressToBytes(linkLocalOf(pod.mac)));
  }
  return values;
}

/** Values that are nobody's: no two are alike, and none occurs in what else a message says. */
const SAMPLE = { linkIndex: 0x7ead_1dea, podLinkIndex: 0x7ead_b00c, netns: 0x7ead_5ace };
const SAMPLE_MACS = { host: "7e:ad:cb:a9:87:65", pod: "7e:ad:56:78:9a:bc" };
const SAMPLE_ADDRESSES: Readonly<Record<Family, string>> = {
  4: "233.252.171.205",
  6: "2001:db8:7ead:7eae:7eaf:7eb0:7eb1:7eb2",
};

function makeTemplate(input: PodRequestsInput): BatchTemplate<Field> {
  const { plan } = input;
  const { host, pod } = plan;
  const sample: PodRequestsInput = {
    ...input,
    ...SAMPLE,
    plan: {
      ...plan,
      attachment: {
        ...plan.attachment,
        addresses: pod.addresses.map(({ family }) => SAMPLE_ADDRESSES[family]),
      },
      host: {
        ...host,
        link: "^".repeat(host.link.length),
        mac: SAMPLE_MACS.host,
        alias: "~".repeat(padAlias(host.alias).length),
        uidName: host.uidName && "!".repeat(host.uidName.length),
      },
      pod: {
        ...pod,
        mac: SAMPLE_MACS.pod,
        addresses: pod.addresses.map(({ family, prefixLength, gateway }) => {
          return { family, prefixLength, gateway, address: SAMPLE_ADDRESSES[family] };
        }),
      },
    },
  };
  const parts = listParts(sample);
  return createBatchTemplate(
    PARTS.map((part) => encodeBatch(parts[part], 0)),
    valuesOf(sample),
  );
}
