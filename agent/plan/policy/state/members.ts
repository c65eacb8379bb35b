import type { Family } from "../../../net/address.ts";
import { elementsOf, type Member, type Members, membersKey, type Source } from "../compile/sources.ts";
import type { Namespace, PeerNode, Pod, PodSelector } from "../model.ts";
import { matchesLabels, matchesPod } from "../selectors.ts";
import type { LiveSet } from "./live-sets.ts";
import { findNodes, findPods, type ObjectStore } from "./objects/object-store.ts";
import { findPodsOfMany } from "./find-pods-of-many.ts";
import { createSelectorIndex, type SelectorIndex } from "./selector-index.ts";

/** Who matches a selector, and the sets that have something of each. */
export interface MemberList {
  readonly of: Members;
  readonly members: ReadonlySet<Member>;
}

export interface MemberLists {
  /** Lists that are in use, or were looked at since {@link sweep}. */
  readonly lists: ReadonlyMap<string, MemberList>;
  /** Another number after each list that came or went. */
  version(): number;
  list(of: Members): MemberList;
  /**
   * Makes the lists of many selectors in one pass over all pods, where one after the other would take a pass
   * each.
   */
  prepare(selectors: Iterable<PodSelector>): void;
  /** The set gets elements of the source's members from now on. */
  feed(set: LiveSet, source: Source, family: Family): void;
  /** The set is gone. */
  stop(set: LiveSet, sources: readonly Source[]): void;
  /** A pod came, went, or is another object; answers the lists whose number of members changed. */
  changePod(old: Pod | undefined, next: Pod | undefined): readonly MemberList[];
  changeNode(old: PeerNode | undefined, next: PeerNode | undefined): void;
  /** Labels of a namespace are others: to be asked while both are at hand. */
  changeNamespace(
    old: Namespace | undefined,
    next: Namespace | undefined,
    pods: Iterable<Pod>,
  ): readonly MemberList[];
  /** Forgets lists that no set is fed from. */
  sweep(): void;
}

/** Of so few selectors each is looked up alone: an index of them costs more than it saves. */
const MANY = 8;

interface Feed {
  readonly source: Source;
  readonly family: Family;
}

interface Entry extends MemberList {
  readonly members: Set<Member>;
  readonly feeds: Map<LiveSet, Feed[]>;
}

export function createMemberLists(store: ObjectStore): MemberLists {
  const entries = createEntries();
  const { lists, index } = entries;
  /** Those that no set is fed from. */
  const unused = new Set<Entry>();

  const list = (of: Members): Entry => {
    const known = lists.get(membersKey(of));
    if (known !== undefined) return known;
    const members = of.kind === "pods" ? findPods(store, of.selector) : findNodes(store, of.selector);
    const entry = entries.add(of, members);
    unused.add(entry);
    return entry;
  };

  return {
    lists,
    version: entries.version,
    list,
    prepare(selectors) {
      for (const entry of addMany(entries, store, selectors)) unused.add(entry);
    },
    feed(set, source, family) {
      const entry = list(source.members);
      unused.delete(entry);
      addFeed(entry, set, { source, family });
    },
    stop(set, sources) {
      for (const { members } of sources) {
        const entry = lists.get(membersKey(members));
        if (entry?.feeds.delete(set) === true && entry.feeds.size === 0) unused.add(entry);
      }
    },
    changePod: (old, next) => changePod(entries, store, old, next),
    changeNode(old, next) {
      for (const entry of entries.ofNodes) exchange(entry, old, selectsNode(entry, next) ? next : undefined);
    },
    changeNamespace(old, next, pods) {
      const changed = new Set<Entry>();
      for (const pod of pods) {
        const concerned = new Set([...index.candidates(pod, old), ...index.candidates(pod, next)]);
        for (const entry of concerned) {
          const joins = selectsPod(entry, pod, next);
          if (joins === entry.members.has(pod)) continue;
          exchange(entry, pod, joins ? pod : undefined);
          changed.add(entry);
        }
      }
      return [...changed];
    },
    sweep() {
      for (const entry of unused) entries.remove(entry);
      unused.clear();
    },
  };
}

interface Entries {
  readonly lists: ReadonlyMap<string, Entry>;
  version(): number;
  readonly index: SelectorIndex<Entry>;
  readonly ofNodes: ReadonlySet<Entry>;
  /** `members`: those that match now. */
  add(of: Members, members: Set<Member>): Entry;
  remove(entry: Entry): void;
}

/** All lists, so that those that a pod or a node may be in are found. */
function createEntries(): Entries {
  const lists = new Map<string, Entry>();
  const index = createSelectorIndex<Entry>();
  const ofNodes = new Set<Entry>();
  let version = 0;
  return {
    lists,
    version: () => version,
    index,
    ofNodes,
    add(of, members) {
      version++;
      const entry: Entry = { of, members, feeds: new Map() };
      lists.set(membersKey(of), entry);
      if (of.kind === "pods") index.add(of.selector, entry);
      else ofNodes.add(entry);
      return entry;
    },
    remove(entry) {
      version++;
      lists.delete(membersKey(entry.of));
      if (entry.of.kind === "pods") index.remove(entry.of.selector, entry);
      else ofNodes.delete(entry);
    },
  };
}

/** Adds lists that are not there yet, if there are many. */
function addMany(
  { lists, add }: Entries,
  store: ObjectStore,
  selectors: Iterable<PodSelector>,
): readonly Entry[] {
  const fresh = new Map<string, PodSelector>();
  for (const selector of selectors)
    if (typeof selector.namespaces !== "string" && !lists.has(selector.key))
      fresh.set(selector.key, selector);
  if (fresh.size < MANY) return [];
  const found = findPodsOfMany(store, fresh.values());
  return [...found].map(([selector, members]) => add({ kind: "pods", selector }, members));
}

function changePod(
  { index }: Entries,
  { namespaces }: ObjectStore,
  old: Pod | undefined,
  next: Pod | undefined,
): readonly MemberList[] {
  const concerned = new Set<Entry>();
  for (const pod of [old, next])
    if (pod !== undefined)
      for (const entry of index.candidates(pod, namespaces.get(pod.namespace))) concerned.add(entry);
  const namespace = next && namespaces.get(next.namespace);
  return [...concerned].filter((entry) => {
    const joins = selectsPod(entry, next, namespace);
    if (!joins && (old === undefined || !entry.members.has(old))) return false;
    return exchange(entry, old, joins ? next : undefined);
  });
}

/** The set gets the elements of all members, from now on. */
function addFeed({ feeds, members }: Entry, set: LiveSet, feed: Feed): void {
  const others = feeds.get(set);
  if (others === undefined) feeds.set(set, [feed]);
  else others.push(feed);
  for (const member of members)
    for (const element of elementsOf(feed.source, member, feed.family)) set.give(element);
}

/**
 * `old` leaves the list, `next` joins it; either may be undefined. Tells whether the number of members
 * changed.
 */
function exchange(entry: Entry, old: Member | undefined, next: Member | undefined): boolean {
  const was = old !== undefined && entry.members.delete(old);
  if (next !== undefined) entry.members.add(next);
  for (const [set, feeds] of entry.feeds)
    for (const { source, family } of feeds) {
      if (was && old !== undefined) for (const element of elementsOf(source, old, family)) set.take(element);
      if (next !== undefined) for (const element of elementsOf(source, next, family)) set.give(element);
    }
  return was !== (next !== undefined);
}

function selectsNode({ of }: Entry, node: PeerNode | undefined): boolean {
  return node !== undefined && of.kind === "nodes" && matchesLabels(of.selector, node.labels);
}

function selectsPod({ of }: Entry, pod: Pod | undefined, namespace: Namespace | undefined): boolean {
  return pod !== undefined && of.kind === "pods" && matchesPod(of.selector, pod, namespace);
}
