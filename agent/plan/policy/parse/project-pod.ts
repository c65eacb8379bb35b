import { isObject } from "../../../lib/json.ts";
import { parseAddress } from "../../../net/address.ts";
import { createInterner, type Labels, labelsOf, NO_LABELS } from "../labels.ts";
import type { ContainerPort, Namespace, PeerNode, Pod } from "../model.ts";
import { type Field, isAbsent, memberOf, readList, readText } from "./fields.ts";
import { MAX_PORT, PROTOCOLS } from "./parse-ports.ts";

const NO_PORTS: readonly ContainerPort[] = [];

const portLists = createInterner<readonly ContainerPort[]>((ports) => JSON.stringify(ports));

/**
 * Projects a Pod object (core/v1) to what policies ask; undefined: it has no name. Never throws. What cannot
 * be read of it is as if it were not there. Labels and ports are shared between pods that have the same ones.
 * `keepsAll`: for pods of this node, what no other node needs: the UID, and ports without names.
 */
export function projectPod(raw: unknown, keepsAll: (node: string | undefined) => boolean): Pod | undefined {
  const pod = fieldOf(raw);
  const metadata = memberOf(pod, "metadata");
  const [namespace, name, uid] = ["namespace", "name", "uid"].map((key) => textOf(memberOf(metadata, key)));
  if (namespace === undefined || name === undefined) return undefined;
  const spec = memberOf(pod, "spec");
  const status = memberOf(pod, "status");
  const node = textOf(memberOf(spec, "nodeName"));
  const isOwn = keepsAll(node);
  return {
    namespace,
    name,
    uid: isOwn ? (mirroredUid(metadata) ?? uid) : undefined,
    labels: labelsIn(metadata),
    addresses: addressesIn(status),
    ports: portsIn(spec, isOwn),
    node,
    phase: textOf(memberOf(status, "phase")) ?? "Unknown",
    hostNetwork: memberOf(spec, "hostNetwork").value === true,
  };
}

/** A Namespace object (core/v1). */
export function projectNamespace(raw: unknown): Namespace | undefined {
  const metadata = memberOf(fieldOf(raw), "metadata");
  const name = textOf(memberOf(metadata, "name"));
  const isEnding = !isAbsent(memberOf(metadata, "deletionTimestamp"));
  return name === undefined ? undefined : { name, labels: labelsIn(metadata), isEnding };
}

/** A Node object (core/v1) as a peer. */
export function projectPeerNode(raw: unknown): PeerNode | undefined {
  const node = fieldOf(raw);
  const metadata = memberOf(node, "metadata");
  const name = textOf(memberOf(metadata, "name"));
  if (name === undefined) return undefined;
  const list = readList(memberOf(memberOf(node, "status"), "addresses")) ?? [];
  return {
    name,
    labels: labelsIn(metadata),
    addresses: canonical(list.map((entry) => memberOf(entry, "address"))),
  };
}

function fieldOf(value: unknown): Field {
  return { path: "", value, faults: [] };
}

function textOf(field: Field): string | undefined {
  return isAbsent(field) ? undefined : readText(field);
}

/**
 * A static pod's object has a UID of its own; runtimes know the one that the kubelet gave to the pod
 * (pkg/kubelet/pod/mirror_client.go).
 */
function mirroredUid(metadata: Field): string | undefined {
  return textOf(memberOf(memberOf(metadata, "annotations"), "kubernetes.io/config.mirror"));
}

/** No label has a zero byte: it parts them where equal ones are found. */
function labelsIn(metadata: Field): Labels {
  const { value } = memberOf(metadata, "labels");
  if (!isObject(value)) return NO_LABELS;
  const texts = Object.entries(value).filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === "string" && !entry.some((text) => String(text).includes("\0")),
  );
  return texts.length === 0 ? NO_LABELS : labelsOf(Object.fromEntries(texts));
}

/** `podIP` is the first of `podIPs`, and alone on servers and in files that have no more. */
function addressesIn(status: Field): readonly string[] {
  const list = readList(memberOf(status, "podIPs")) ?? [];
  return canonical([memberOf(status, "podIP"), ...list.map((entry) => memberOf(entry, "ip"))]);
}

/** Each once; names of nodes stand among their addresses. */
function canonical(fields: readonly Field[]): readonly string[] {
  const addresses = fields.map(({ value }) => (typeof value === "string" ? parseAddress(value) : undefined));
  return [...new Set(addresses.filter((address) => address !== undefined))];
}

function portsIn(spec: Field, keepsNameless: boolean): readonly ContainerPort[] {
  const containers = readList(memberOf(spec, "containers")) ?? [];
  const sidecars = (readList(memberOf(spec, "initContainers")) ?? []).filter(
    (container) => memberOf(container, "restartPolicy").value === "Always",
  );
  const ports = [...containers, ...sidecars]
    .flatMap((container) => readList(memberOf(container, "ports")) ?? [])
    .flatMap((port) => declaredPort(port) ?? [])
    .filter(({ name }) => keepsNameless || name !== undefined);
  return ports.length === 0 ? NO_PORTS : portLists.intern(ports);
}

function declaredPort(field: Field): ContainerPort | undefined {
  const given = memberOf(field, "name").value;
  const name = given === "" || typeof given !== "string" ? undefined : given;
  const port = memberOf(field, "containerPort").value;
  const asked = memberOf(field, "protocol");
  const protocol = isAbsent(asked) ? "TCP" : PROTOCOLS.find((known) => known === asked.value);
  if (protocol === undefined) return undefined;
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= MAX_PORT
    ? { name, protocol, port }
    : undefined;
}
