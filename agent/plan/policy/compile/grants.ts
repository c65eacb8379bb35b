import type { LabelSelector, Network, PodSelector, PortName, PortRange, Ports } from "../model.ts";
import type { Term } from "./stages.ts";

/** What one peer may be spoken to about, of all terms together. */
export interface Grant {
  all: boolean;
  readonly ranges: PortRange[];
  readonly names: PortName[];
}

export interface PeerGrant<Who> extends Grant {
  readonly who: Who;
}

/** Terms by their peers. */
export interface Grants {
  readonly anybody: Grant;
  readonly pods: ReadonlyMap<string, PeerGrant<PodSelector>>;
  readonly nodes: ReadonlyMap<string, PeerGrant<LabelSelector>>;
  readonly networks: readonly PeerGrant<readonly Network[]>[];
}

export function sortTerms(terms: readonly Term[]): Grants {
  const anybody = emptyGrant();
  const pods = new Map<string, PeerGrant<PodSelector>>();
  const nodes = new Map<string, PeerGrant<LabelSelector>>();
  const networks: PeerGrant<readonly Network[]>[] = [];
  for (const { peer, ports } of terms) {
    if (peer === undefined) add(anybody, ports);
    else if (peer.kind === "pods") add(grantOf(pods, peer.selector.key, peer.selector), ports);
    else if (peer.kind === "nodes") add(grantOf(nodes, peer.selector.text, peer.selector), ports);
    else {
      const grant = { who: peer.networks, ...emptyGrant() };
      add(grant, ports);
      networks.push(grant);
    }
  }
  return { anybody, pods: sortedByKey(pods), nodes: sortedByKey(nodes), networks };
}

function emptyGrant(): Grant {
  return { all: false, ranges: [], names: [] };
}

function grantOf<Who>(grants: Map<string, PeerGrant<Who>>, key: string, who: Who): Grant {
  let grant = grants.get(key);
  if (grant === undefined) {
    grant = { who, ...emptyGrant() };
    grants.set(key, grant);
  }
  return grant;
}

function add(grant: Grant, ports: Ports | undefined): void {
  if (ports === undefined) grant.all = true;
  else {
    grant.ranges.push(...ports.ranges);
    grant.names.push(...ports.names);
  }
}

/** The same terms in another order are the same. */
function sortedByKey<T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
