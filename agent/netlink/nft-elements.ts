import {
  type Attribute,
  attribute,
  nested,
  optional,
  textAttribute,
  u32NetworkAttribute,
} from "./attributes.ts";
import {
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWSETELEM,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_USERDATA,
  NLM_F_CREATE,
} from "./constants.ts";
import type { MessageBody, NetlinkRequest } from "./message.ts";
import { nfgenmsg } from "./nfgenmsg.ts";
import { writeComment } from "./nft-comment.ts";

/** Element of a set or map. */
export interface SetElement {
  readonly set: string;
  /** Fields of a concatenation in network order, each at most 16 bytes. */
  readonly key: readonly Uint8Array[];
  /** Empty in a set. */
  readonly data: readonly Uint8Array[];
  readonly comment: string;
}

export interface ElementChange {
  /** Name of a table of family inet. */
  readonly table: string;
  readonly verb: "add" | "delete";
  /** At least one. */
  readonly elements: readonly SetElement[];
  /** Generation of the rulesets: the change is refused with ERESTART when it is another by now. */
  readonly generation: number | undefined;
}

/** An attribute is at most 64 KiB long, and an element some 250 bytes. */
const ELEMENTS_PER_MESSAGE = 100;

/**
 * Adds or deletes elements in one transaction: all or none. ENOENT if the table, a set or an element to delete is not there, EBUSY if a key is
 * there with another value.
 */
export function changeElements({ table, verb, elements, generation }: ElementChange): NetlinkRequest {
  const bodies = [...Map.groupBy(elements, ({ set }) => set)].flatMap(([set, own]) =>
    chunk(own, ELEMENTS_PER_MESSAGE).map((part) => elementsMessage({ table, set, verb, part })),
  );
  const [last = { type: 0, flags: 0, payload: [] }, ...before] = bodies.toReversed();
  const frame = (type: number, ...attributes: readonly Attribute[]): MessageBody => {
    return { type, flags: 0, payload: [nfgenmsg(0, NFNL_SUBSYS_NFTABLES), ...attributes.flat()] };
  };
  const begin = frame(
    NFNL_MSG_BATCH_BEGIN,
    optional(generation, (id) => u32NetworkAttribute(NFNL_BATCH_GENID, id)),
  );
  return {
    ...last,
    around: { before: [begin, ...before.toReversed()], after: [frame(NFNL_MSG_BATCH_END)] },
    what: `${verb} ${elements.length} elements of nftables table ${table}`,
  };
}

interface ElementsPart extends Pick<ElementChange, "table" | "verb"> {
  readonly set: string;
  readonly part: readonly SetElement[];
}

function elementsMessage({ table, set, verb, part }: ElementsPart): MessageBody {
  const isNew = verb === "add";
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | (isNew ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM),
    flags: isNew ? NLM_F_CREATE : 0,
    payload: [
      nfgenmsg(NFPROTO_INET),
      ...textAttribute(NFTA_SET_ELEM_LIST_TABLE, table),
      ...textAttribute(NFTA_SET_ELEM_LIST_SET, set),
      ...nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...part.map((element) => elementAttribute(element, isNew))),
    ],
  };
}

function elementAttribute({ key, data, comment }: SetElement, isNew: boolean): Attribute {
  const value = (type: number, fields: readonly Uint8Array[]): Attribute =>
    nested(type, attribute(NFTA_DATA_VALUE, concatenate(fields)));
  if (!isNew) return nested(NFTA_LIST_ELEM, value(NFTA_SET_ELEM_KEY, key));
  return nested(
    NFTA_LIST_ELEM,
    value(NFTA_SET_ELEM_KEY, key),
    data.length === 0 ? [] : value(NFTA_SET_ELEM_DATA, data),
    attribute(NFTA_SET_ELEM_USERDATA, writeComment(comment)),
  );
}

/** Fields as registers of 32 bits hold them. */
export function concatenate(fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields.flatMap((field) => [field, new Uint8Array(-field.length & 3)]));
}

function chunk<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
