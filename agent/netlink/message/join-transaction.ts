import { encodeBodies, type MessageBody, type NetlinkRequest, type Requests } from "./message.ts";

/** Puts messages into a transaction of nftables, in front of its own. */
export function joinTransaction(transaction: Requests, joinedChanges: readonly MessageBody[]): Requests {
  if (joinedChanges.length === 0) return transaction;
  const join = (requests: readonly NetlinkRequest[]): readonly NetlinkRequest[] =>
    requests.map((request) => joinRequest(request, joinedChanges));
  if (!("offsets" in transaction)) return join(transaction);
  const [begin = 0, first = 0, ...rest] = transaction.offsets;
  const { bytes } = transaction;
  const added = encodeBodies(joinedChanges);
  const behind = [first, ...rest].map((offset) => offset + added.bytes.length);
  return {
    ...transaction,
    bytes: Buffer.concat([bytes.subarray(0, first), added.bytes, bytes.subarray(first)]),
    offsets: [begin, ...added.offsets.map((offset) => offset + first), ...behind],
    requests: () => join(transaction.requests()),
  };
}

/** The first message before is the one that begins the transaction. */
function joinRequest(request: NetlinkRequest, joinedChanges: readonly MessageBody[]): NetlinkRequest {
  const { before: [begin, ...before] = [], after = [] } = request.around ?? {};
  if (begin === undefined) throw new RangeError(`Cannot join "${request.what}": it is not a transaction`);
  return { ...request, around: { before: [begin, ...joinedChanges, ...before], after } };
}
