import { type Attribute, attribute, nested, textAttribute } from "../message/attributes.ts";
import {
  NFPROTO_BRIDGE,
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
  NLM_F_EXCL,
} from "../constants.ts";
import type { MessageBody, NetlinkRequest } from "../message/message.ts";
import { writeComment } from "./nft-comment.ts";
import { nftBody, nftTransaction } from "./table/nft-transaction.ts";

/** Element of a set or map. */
export interface SetElement {
  /** Of the table. */
  readonly family: "inet" | "bridge";
  readonly set: string;
  /** Fields of a concatenation in network order, each at most 16 bytes. */
  readonly key: readonly Uint8Array[];
  /** Empty in a set. */
  readonly data: readonly Uint8Array[];
  readonly comment?: string;
}

export interface ElementChange {
  /** Name of the tables. */
  readonly table: string;
  readonly verb: "add" | "delete";
  /** At least one. */
  readonly elements: readonly SetElement[];
}

/** An attribute is at most 64 KiB long, and an element some 250 bytes. */
const ELEMENTS_PER_MESSAGE = 100;

/**
 * Adds or deletes elements in one transaction: all or none, and if all, the rulesets' next generation. ENOENT
 * if the table, a set or an element to delete is not there, EEXIST if an element to add is, EBUSY if its key
 * is there with another value.
 */
export function changeElements({ table, verb, elements }: ElementChange): NetlinkRequest {
  const bodies = [...Map.groupBy(elements, ({ family, set }) => `${family} ${set}`).values()].flatMap((own) =>
    chunk(own, ELEMENTS_PER_MESSAGE).map((part) => elementsMessage({ table, verb, part })),
  );
  return nftTransaction({
    bodies,
    what: `${verb} ${elements.length} elements of nftables table ${table}`,
  });
}

interface ElementsPart extends Pick<ElementChange, "table" | "verb"> {
  /** Of one set. */
  readonly part: readonly SetElement[];
}

function elementsMessage({ table, verb, part }: ElementsPart): MessageBody {
  const isNew = verb === "add";
  const { family, set } = part[0] ?? { family: "inet", set: "" };
  const message = isNew ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM;
  return nftBody(message, family === "inet" ? NFPROTO_INET : NFPROTO_BRIDGE, {
    flags: isNew ? NLM_F_CREATE | NLM_F_EXCL : 0,
    attributes: [
      ...setAttributes(table, set),
      ...nested(NFTA_SET_ELEM_LIST_ELEMENTS, ...part.map((element) => elementAttribute(element, isNew))),
    ],
  });
}

function elementAttribute({ key, data, comment }: SetElement, isNew: boolean): Attribute {
  const value = (type: number, fields: readonly Uint8Array[]): Attribute =>
    nested(type, attribute(NFTA_DATA_VALUE, concatenate(fields)));
  if (!isNew) return nested(NFTA_LIST_ELEM, value(NFTA_SET_ELEM_KEY, key));
  return nested(
    NFTA_LIST_ELEM,
    value(NFTA_SET_ELEM_KEY, key),
    data.length === 0 ? [] : value(NFTA_SET_ELEM_DATA, data),
    comment === undefined ? [] : attribute(NFTA_SET_ELEM_USERDATA, writeComment(comment)),
  );
}

/** Fields as registers of 32 bits hold them. */
export function concatenate(fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields.flatMap((field) => [field, new Uint8Array(-field.length & 3)]));
}

/** The set that elements are of. */
export function setAttributes(table: string, set: string): Attribute {
  return [...textAttribute(NFTA_SET_ELEM_LIST_TABLE, table), ...textAttribute(NFTA_SET_ELEM_LIST_SET, set)];
}

export function chunk<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
