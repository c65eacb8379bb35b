import { parseDocument } from "yaml";
import { checkAddresses, checkPodCIDRs, isNodeName, showValue } from "./node-fields.ts";
import type { ClusterNode } from "./node-view.ts";
import { isFields } from "./project-node.ts";

/** The nodes of a file by name, or all that is wrong with it: each fault names key and value. */
export type NodesFile =
  | { readonly kind: "valid"; readonly nodes: ReadonlyMap<string, ClusterNode> }
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

const KEYS: ReadonlySet<string> = new Set(["name", "addresses", "podCIDRs"]);

/**
 * Reads a YAML list of `{name, addresses: [], podCIDRs: []}`. Never throws. An empty text is refused, an empty list is not: the first
 * is what a reader sees while another program writes the file.
 */
export function parseNodesFile(text: string): NodesFile {
  const entries = parseYamlList(text);
  if (typeof entries === "string") return { kind: "faulty", faults: [entries] };
  const faults: string[] = [];
  const nodes = new Map<string, ClusterNode>();
  const owners = new Map<string, string>();
  for (const [index, entry] of entries.entries()) {
    const node = readEntry(`[${index}]`, entry, faults);
    if (node === undefined) continue;
    if (nodes.has(node.name)) faults.push(`[${index}].name "${node.name}" is there twice`);
    nodes.set(node.name, node);
    for (const cidr of node.podCIDRs) {
      const owner = owners.get(cidr);
      if (owner !== undefined && owner !== node.name)
        faults.push(`[${index}].podCIDRs "${cidr}" belongs to node "${owner}" already`);
      owners.set(cidr, node.name);
    }
  }
  return faults.length > 0 ? { kind: "faulty", faults } : { kind: "valid", nodes };
}

/** The list, or the fault. */
function parseYamlList(text: string): readonly unknown[] | string {
  let value: unknown;
  try {
    const document = parseDocument(text, { prettyErrors: true });
    const [error] = document.errors;
    if (error !== undefined) return `it is not YAML: ${firstLine(error.message)}`;
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return `it is not YAML: ${firstLine((error as Error).message)}`; // aliases without end are noticed only here
  }
  return Array.isArray(value)
    ? value
    : `${showValue(value)} is not a list of {name, addresses: [], podCIDRs: []}`;
}

function readEntry(key: string, entry: unknown, faults: string[]): ClusterNode | undefined {
  if (!isFields(entry)) {
    faults.push(`${key} ${showValue(entry)} is not an object`);
    return undefined;
  }
  for (const unknown of Object.keys(entry).filter((name) => !KEYS.has(name)))
    faults.push(`${key}.${unknown} ${showValue(entry[unknown])} is not a known key`);
  const { name } = entry;
  const addresses = checkAddresses(`${key}.addresses`, entry["addresses"]);
  const podCIDRs = checkPodCIDRs(`${key}.podCIDRs`, entry["podCIDRs"]);
  faults.push(...addresses.faults, ...podCIDRs.faults);
  if (!isNodeName(name)) {
    faults.push(`${key}.name ${showValue(name)} is not a node name`);
    return undefined;
  }
  // A file has no identity beyond the name; all its nodes are of one age, so that the name decides between them.
  return { name, uid: name, createdMs: 0, addresses: addresses.values, podCIDRs: podCIDRs.values };
}

/** YAML errors go on with an excerpt of the text. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/:$/, "");
}
