import type { Family } from "../../../net/address.ts";
import { elementsOf, type Member, type Members, membersKey, type Source } from "../compile/sources.ts";
import type { Namespace, PeerNode, Pod } from "../model.ts";
import { matchesLabels, matchesPod } from "../selectors.ts";
import type { LiveSet } from "./live-sets.ts";
import { findNodes, findPods, type ObjectStore } from "./object-store.ts";
import { createSelectorIndex } from "./selector-index.ts";

/** Who matches a selector, and the sets that have something of each. */
export interface MemberList {
  readonly of: Members;
  readonly members: ReadonlySet<Member>;
}

export interface MemberLists {
  /** Lists that are in use, or were looked at since {@link sweep}. */
  readonly lists: ReadonlyMap<string, MemberList>;
  list(of: Members): MemberList;
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

interface Feed {
  readonly source: Source;
  readonly family: Family;
}

interface Entry extends MemberList {
  readonly members: Set<Member>;
  readonly feeds: Map<LiveSet, Feed[]>;
}

export function createMemberLists(store: ObjectStore): MemberLists {
  const lists = new Map<string, Entry>();
  const index = createSelectorIndex<Entry>();
  const nodeLists = new Set<Entry>();
  const unused = new Set<Entry>();

  const list = (of: Members): Entry => {
    const key = membersKey(of);
    let entry = lists.get(key);
    if (entry !== undefined) return entry;
    const members: Set<Member> =
      of.kind === "pods" ? findPods(store, of.selector) : findNodes(store, of.selector);
    entry = { of, members, feeds: new Map() };
    lists.set(key, entry);
    unused.add(entry);
    if (of.kind === "pods") index.add(of.selector, entry);
    else nodeLists.add(entry);
    return entry;
  };

  /** `old` leaves the list, `next` joins it; either may be undefined. */
  const exchange = (entry: Entry, old: Member | undefined, next: Member | undefined): boolean => {
    const was = old !== undefined && entry.members.delete(old);
    if (next !== undefined) entry.members.add(next);
    for (const [set, feeds] of entry.feeds)
      for (const { source, family } of feeds) {
        if (was && old !== undefined)
          for (const element of elementsOf(source, old, family)) set.take(element);
        if (next !== undefined) for (const element of elementsOf(source, next, family)) set.give(element);
      }
    return was !== (next !== undefined);
  };

  return {
    lists,
    list,
    feed(set, source, family) {
      const entry = list(source.members);
      unused.delete(entry);
      const feeds = entry.feeds.get(set);
      if (feeds === undefined) entry.feeds.set(set, [{ source, family }]);
      else feeds.push({ source, family });
      for (const member of entry.members)
        for (const element of elementsOf(source, member, family)) set.give(element);
    },
    stop(set, sources) {
      for (const { members } of sources) {
        const entry = lists.get(membersKey(members));
        if (entry?.feeds.delete(set) === true && entry.feeds.size === 0) unused.add(entry);
      }
    },
    changePod(old, next) {
      const entries = new Set<Entry>();
      for (const pod of [old, next])
        if (pod !== undefined)
          for (const entry of index.candidates(pod, store.namespaces.get(pod.namespace))) entries.add(entry);
      return [...entries].filter((entry) => {
        const matches =
          next !== undefined &&
          entry.of.kind === "pods" &&
          matchesPod(entry.of.selector, next, store.namespaces.get(next.namespace));
        if (!matches && (old === undefined || !entry.members.has(old))) return false;
        return exchange(entry, old, matches ? next : undefined);
      });
    },
    changeNode(old, next) {
      for (const entry of nodeLists) {
        const matches =
          next !== undefined && entry.of.kind === "nodes" && matchesLabels(entry.of.selector, next.labels);
        exchange(entry, old, matches ? next : undefined);
      }
    },
    changeNamespace(old, next, pods) {
      const changed = new Set<Entry>();
      for (const pod of pods) {
        const entries = new Set([...index.candidates(pod, old), ...index.candidates(pod, next)]);
        for (const entry of entries) {
          if (entry.of.kind !== "pods") continue;
          const matches = matchesPod(entry.of.selector, pod, next);
          if (matches === entry.members.has(pod)) continue;
          exchange(entry, pod, matches ? pod : undefined);
          changed.add(entry);
        }
      }
      return [...changed];
    },
    sweep() {
      for (const entry of unused) {
        lists.delete(membersKey(entry.of));
        if (entry.of.kind === "pods") index.remove(entry.of.selector, entry);
        else nodeLists.delete(entry);
      }
      unused.clear();
    },
  };
}
