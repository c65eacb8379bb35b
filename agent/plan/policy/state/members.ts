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
  /**
   * The set follows the source's members from now on. It gets elements of those that are there one member
   * after the other, as the answer is iterated, which gives numbers of elements; to the end, or until the set
   * is gone.
   */
  feed(set: LiveSet, source: Source, family: Family): Iterable<number>;
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
  /** Forgets lists that no set is fed from; answers their keys. */
  sweep(): readonly string[];
  /** Elements that changes of objects have given and taken so far: what they have cost. */
  looks(): number;
}

/** Of so few selectors each is looked up alone: an index of them costs more than it saves. */
const MANY = 8;

interface Feed {
  readonly source: Source;
  readonly family: Family;
  /** Members that the set has elements of; undefined: all. */
  given: Set<Member> | undefined;
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
      return addFeed(entry, set, { source, family, given: new Set() });
    },
    stop(set, sources) {
      for (const { members } of sources) {
        const entry = lists.get(membersKey(members));
        if (entry?.feeds.delete(set) === true && entry.feeds.size === 0) unused.add(entry);
      }
    },
    changePod: (old, next) => changePod(entries, store, old, next),
    changeNode(old, next) {
      for (const entry of entries.ofNodes)
        entries.exchange(entry, old, selectsNode(entry, next) ? next : undefined);
    },
    changeNamespace(old, next, pods) {
      const changed = new Set<Entry>();
      for (const pod of pods) {
        const concerned = new Set([...index.candidates(pod, old), ...index.candidates(pod, next)]);
        for (const entry of concerned) {
          const joins = selectsPod(entry, pod, next);
          if (joins === entry.members.has(pod)) continue;
          entries.exchange(entry, pod, joins ? pod : undefined);
          changed.add(entry);
        }
      }
      return [...changed];
    },
    sweep() {
      const gone = Array.from(unused, ({ of }) => membersKey(of));
      for (const entry of unused) entries.remove(entry);
      unused.clear();
      return gone;
    },
    looks: entries.looks,
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
  /**
   * `old` leaves the list, `next` joins it; either may be undefined. Tells whether the number of members
   * changed.
   */
  exchange(entry: Entry, old: Member | undefined, next: Member | undefined): boolean;
  looks(): number;
}

/** All lists, so that those that a pod or a node may be in are found. */
function createEntries(): Entries {
  const lists = new Map<string, Entry>();
  const index = createSelectorIndex<Entry>();
  const ofNodes = new Set<Entry>();
  let version = 0;
  let looks = 0;
  return {
    lists,
    version: () => version,
    looks: () => looks,
    exchange(entry, old, next) {
      const was = old !== undefined && entry.members.delete(old);
      if (next !== undefined) entry.members.add(next);
      for (const [set, feeds] of entry.feeds)
        for (const feed of feeds) {
          if (was && old !== undefined) looks += takeElements(set, feed, old);
          // Who joins a list that is still gone through comes last there.
          if (next !== undefined && feed.given === undefined) looks += giveElements(set, feed, next);
        }
      return was !== (next !== undefined);
    },
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
  { index, exchange }: Entries,
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

/** Registers the feed; the answer gives the set what the members have. */
function addFeed({ feeds, members }: Entry, set: LiveSet, feed: Feed): Iterable<number> {
  const others = feeds.get(set);
  if (others === undefined) feeds.set(set, [feed]);
  else others.push(feed);
  return giveAll(members, set, feed);
}

/** A `Set` that changes while it is gone through gives each member that stays once, and new ones last. */
function* giveAll(members: ReadonlySet<Member>, set: LiveSet, feed: Feed): Iterable<number> {
  for (const member of members) {
    feed.given?.add(member);
    yield giveElements(set, feed, member);
  }
  feed.given = undefined;
}

function giveElements(set: LiveSet, { source, family }: Feed, member: Member): number {
  const elements = elementsOf(source, member, family);
  for (const element of elements) set.give(element);
  return elements.length;
}

/** A member that has given nothing yet has nothing to take. */
function takeElements(set: LiveSet, { source, family, given }: Feed, member: Member): number {
  if (given?.delete(member) === false) return 0;
  const elements = elementsOf(source, member, family);
  for (const element of elements) set.take(element);
  return elements.length;
}

function selectsNode({ of }: Entry, node: PeerNode | undefined): boolean {
  return node !== undefined && of.kind === "nodes" && matchesLabels(of.selector, node.labels);
}

function selectsPod({ of }: Entry, pod: Pod | undefined, namespace: Namespace | undefined): boolean {
  return pod !== undefined && of.kind === "pods" && matchesPod(of.selector, pod, namespace);
}
