import {
  NF_ACCEPT,
  NF_DROP,
  NFT_GOTO,
  NFT_JUMP,
  NFT_RETURN,
  NFTA_DATA_VERDICT,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CODE,
} from "../../constants.ts";
import {
  type Attribute,
  nested,
  readAttributes,
  readNetworkU32,
  readText,
  textAttribute,
  u32NetworkAttribute,
} from "../../message/attributes.ts";

/** What becomes of a packet. */
export type NftVerdict =
  | { readonly kind: "accept" | "drop" | "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

const CODES: Readonly<Record<NftVerdict["kind"], number>> = {
  accept: NF_ACCEPT,
  drop: NF_DROP,
  return: NFT_RETURN,
  jump: NFT_JUMP,
  goto: NFT_GOTO,
};

export function verdictAttribute(verdict: NftVerdict): Attribute {
  return nested(
    NFTA_DATA_VERDICT,
    u32NetworkAttribute(NFTA_VERDICT_CODE, CODES[verdict.kind]),
    "chain" in verdict ? textAttribute(NFTA_VERDICT_CHAIN, verdict.chain) : [],
  );
}

/**
 * As nft writes it: `jump CHAIN`, `drop`; `verdict NUMBER` for what no table of ours has. Throws {@link
 * MalformedMessageError}.
 */
export function readVerdict(what: string, data: Buffer): string {
  const attributes = readAttributes(what, data);
  const code = (readNetworkU32(what, attributes, NFTA_VERDICT_CODE) ?? 0) | 0;
  const kind = Object.entries(CODES).find(([, number]) => number === code)?.[0] ?? `verdict ${code}`;
  const chain = readText(what, attributes, NFTA_VERDICT_CHAIN);
  return chain === undefined ? kind : `${kind} ${chain}`;
}
