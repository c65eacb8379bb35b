import { inspect } from "node:util";
import { parseDocument } from "yaml";
import { isObject } from "../../lib/json.ts";
import { isDnsSubdomain } from "../../net/dns-name.ts";
import { checkAddresses, checkPodCIDRs } from "./node-fields.ts";
import { showValue } from "../../text/show-value.ts";
import type { ClusterNode } from "./node-view.ts";
import { checkKey } from "../keys/published-key.ts";
import { contentOf, jsonOf } from "../read-yaml.ts";
import { splitYamlList, type YamlElement } from "./split-yaml-list.ts";

/** The nodes of a file by name, or all that is wrong with it: each fault names key and value. */
export type NodesFile =
  | { readonly kind: "valid"; readonly nodes: ReadonlyMap<string, ClusterNode> }
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

const KEYS: ReadonlySet<string> = new Set(["name", "addresses", "podCIDRs", "wireguard"]);

/**
 * Nodes of the last reading by the text of their entry: what stays the same is not read again, and stays the
 * same object.
 */
export type KnownEntries = ReadonlyMap<string, ClusterNode>;

export interface ParseNodesFileOptions {
  readonly known?: KnownEntries;
  /** Lets others have their turn. */
  readonly breathe: () => Promise<void>;
}

export type ParsedNodesFile = NodesFile & { readonly known: KnownEntries };

/**
 * So many entries are read in one turn of the event loop, which takes some 10 ms: a file may have thousands.
 */
const ENTRIES_PER_TURN = 20;

/** One entry of the file; reading it may be what takes time. */
interface Entry {
  /** The same text means the same entry. */
  readonly text: () => string;
  readonly read: () => unknown;
}

/** The text is no list at all. */
class UnreadableError extends Error {}

/**
 * Reads a YAML list of `{name, addresses: [], podCIDRs: []}`. Never throws. An empty text is refused, an
 * empty list is not: the first is what a reader sees while another program writes the file.
 */
export async function parseNodesFile(
  text: string,
  { known = new Map(), breathe }: ParseNodesFileOptions,
): Promise<ParsedNodesFile> {
  const faults: string[] = [];
  const nodes = new Map<string, ClusterNode>();
  const owners = new Map<string, string>();
  const seen = new Map<string, ClusterNode>();
  try {
    for (const [index, entry] of listEntries(text).entries()) {
      if (index % ENTRIES_PER_TURN === 0) await breathe();
      const key = entry.text();
      let node = known.get(key);
      if (node === undefined) {
        const before = faults.length;
        node = readEntry(`[${index}]`, entry.read(), faults);
        if (node === undefined) continue;
        if (faults.length === before) seen.set(key, node);
      } else seen.set(key, node);
      if (nodes.has(node.name)) faults.push(`[${index}].name "${node.name}" is there twice`);
      nodes.set(node.name, node);
      for (const cidr of node.podCIDRs) {
        const owner = owners.get(cidr);
        if (owner !== undefined && owner !== node.name)
          faults.push(`[${index}].podCIDRs "${cidr}" belongs to node "${owner}" already`);
        owners.set(cidr, node.name);
      }
    }
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return { kind: "faulty", faults: [error.message], known };
  }
  return faults.length > 0 ? { kind: "faulty", faults, known: seen } : { kind: "valid", nodes, known: seen };
}

function listEntries(text: string): readonly Entry[] {
  // Line ends are one and the same to YAML (1.2.2, section 5.4).
  const elements = splitYamlList(text.replaceAll("\r\n", "\n"));
  if (elements !== undefined)
    return elements.map((element) => ({ text: () => element.text, read: () => readElement(element) }));
  const list = jsonOf(text) ?? parseYaml(text);
  if (!Array.isArray(list))
    throw new UnreadableError(`${showValue(list)} is not a list of {name, addresses: [], podCIDRs: []}`);
  // Of YAML with aliases the same object may stand in several places, and hold itself.
  return list.map((value: unknown) => ({
    text: () => inspect(value, { depth: 3, maxArrayLength: null }),
    read: () => value,
  }));
}

/** Read alone an element has the lines of the file only where that matters: in an error. */
function readElement({ text, line }: YamlElement): unknown {
  try {
    return onlyElement(parseYaml(text));
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    return onlyElement(parseYaml("\n".repeat(line) + text));
  }
}

function onlyElement(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined;
}

function parseYaml(text: string): unknown {
  try {
    return contentOf(parseDocument(text, { prettyErrors: true }));
  } catch (error) {
    throw new UnreadableError(`it is not YAML: ${firstLine((error as Error).message)}`, { cause: error });
  }
}

function readEntry(key: string, entry: unknown, faults: string[]): ClusterNode | undefined {
  if (!isObject(entry)) {
    faults.push(`${key} ${showValue(entry)} is not an object`);
    return undefined;
  }
  for (const unknown of Object.keys(entry).filter((name) => !KEYS.has(name)))
    faults.push(`${key}.${unknown} ${showValue(entry[unknown])} is not a known key`);
  const { name } = entry;
  const addresses = checkAddresses(`${key}.addresses`, entry["addresses"]);
  const podCIDRs = checkPodCIDRs(`${key}.podCIDRs`, entry["podCIDRs"]);
  const wireguard = entry["wireguard"] === undefined ? undefined : checkKey(entry["wireguard"]);
  if (wireguard !== undefined && "fault" in wireguard) faults.push(`${key}.wireguard: ${wireguard.fault}`);
  faults.push(...addresses.faults, ...podCIDRs.faults);
  if (!isDnsSubdomain(name)) {
    faults.push(`${key}.name ${showValue(name)} is not a node name`);
    return undefined;
  }
  // A file has no identity beyond the name; all its nodes are of one age, so that the name decides between
  // them.
  const node = { name, uid: name, createdMs: 0, addresses: addresses.values, podCIDRs: podCIDRs.values };
  return wireguard === undefined ? node : { ...node, wireguard };
}

/** YAML errors go on with an excerpt of the text. */
function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/:$/, "");
}
