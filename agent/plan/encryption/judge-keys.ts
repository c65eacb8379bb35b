import { type ClusterMember, compareAge, type PublishedKey } from "../peers/claim.ts";
import type { KeyOf } from "../peers/peer-routes.ts";
import type { Refusal } from "../peers/refusal.ts";

export interface KeyInput {
  readonly nodeName: string;
  /** This node's public keys; or why there is none, as in "this kernel has no WireGuard". */
  readonly own:
    | { readonly publicKey: string; readonly next?: string | undefined }
    | { readonly fault: string };
  /** Nodes whose PodCIDRs count, this one included. */
  readonly nodes: Iterable<ClusterMember>;
}

export interface JudgedKeys {
  readonly keyOf: KeyOf;
  /** Why this node does not encrypt yet. */
  readonly fault: string | undefined;
  /** Keys that are not used, of all nodes. */
  readonly refusals: readonly Refusal[];
}

/**
 * Decides which node a key belongs to, as with a PodCIDR: this node's own is nobody else's, and of nodes with
 * one key the older has it, of two of one moment the one whose name sorts first. Until this node's own key is
 * where others read it, it sends nothing encrypted: they would drop what comes under a key that they do not
 * know.
 */
export function judgeKeys({ nodeName, own, nodes }: KeyInput): JudgedKeys {
  const byName = new Map(Array.from(nodes, (node) => [node.name, node]));
  const self = byName.get(nodeName);
  byName.delete(nodeName);
  const fault = "fault" in own ? own.fault : unpublished(own.publicKey, self);
  const owners = new Map<string, string>();
  for (const key of "publicKey" in own ? [own.publicKey, own.next] : [])
    if (key !== undefined) owners.set(key, nodeName);
  const refused = new Map<string, string>();
  const refusals: Refusal[] = [];
  for (const { name, wireguard } of [...byName.values()].toSorted(compareAge)) {
    if (wireguard === undefined) continue;
    const published = keysOf(wireguard);
    const owner = published.map((key) => owners.get(key)).find((found) => found !== undefined);
    const wrong = "fault" in wireguard ? wireguard.fault : describeOwner(owner);
    if (wrong !== undefined) {
      refusals.push({
        node: name,
        reason: "wireguard_key",
        text: `WireGuard key of node "${name}" is refused: ${wrong}`,
      });
      refused.set(name, `its WireGuard key is refused: ${wrong}`);
    } else for (const key of published) owners.set(key, name);
  }
  return { keyOf: keyUnless(refused), fault, refusals };
}

/** Of thousands of nodes few are refused, and the others keep their keys themselves. */
function keyUnless(refused: ReadonlyMap<string, string>): KeyOf {
  return ({ name, wireguard }) =>
    refused.get(name) ??
    (wireguard === undefined || "fault" in wireguard ? "it publishes no WireGuard key" : wireguard);
}

function unpublished(publicKey: string, self: ClusterMember | undefined): string | undefined {
  const published = self?.wireguard;
  return published !== undefined && keysOf(published).includes(publicKey)
    ? undefined
    : "this node's WireGuard key is not published yet";
}

/** The key in use, and the next one; none of what is no key. */
export function keysOf(published: PublishedKey): readonly string[] {
  if ("fault" in published) return [];
  const { publicKey, next } = published;
  return next === undefined ? [publicKey] : [publicKey, next.publicKey];
}

function describeOwner(owner: string | undefined): string | undefined {
  return owner === undefined ? undefined : `it belongs to node "${owner}"`;
}
