import { type Link, parseLink, readLinkIndex } from "../../netlink/link/parse-link.ts";

/** Parses dumps of links one after the other. */
export type LinkParser = (payloads: readonly Buffer[]) => Link[];

/** So many links that have gone are forgotten at once. */
const SPARE = 100;

/**
 * Of a link whose message is the same as in the last dump that had it, nothing is read again: a full node has
 * hundreds of links that never change, and each is looked at several times in every run.
 */
export function createLinkParser(): LinkParser {
  const known = new Map<number, { readonly payload: Buffer; readonly link: Link }>();
  return (payloads) => {
    const links = payloads.map((payload) => {
      const index = readLinkIndex(payload);
      const before = known.get(index);
      if (before?.payload.equals(payload) === true) return before.link;
      const link = parseLink(payload);
      // A copy: what is kept of a dump would keep all of it.
      known.set(index, { payload: Buffer.from(payload), link });
      return link;
    });
    if (known.size > 2 * payloads.length + SPARE) keepOnly(known, new Set(payloads.map(readLinkIndex)));
    return links;
  };
}

function keepOnly(known: Map<number, unknown>, indices: ReadonlySet<number>): void {
  for (const index of known.keys()) if (!indices.has(index)) known.delete(index);
}
