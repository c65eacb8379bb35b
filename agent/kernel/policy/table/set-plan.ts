import type { SetDeclaration } from "../../../netlink/nft/table/nft-declarations.ts";
import { type ElementCodec, elementCodec } from "../../../netlink/nft/table/nft-element-text.ts";
import type { NftElement } from "../../../netlink/nft/table/nft-set-elements.ts";
import type { SetSpec } from "../../../plan/policy/compile/policy-table.ts";

/** Codecs by the type of a set: there are hardly ten. */
const codecs = new Map<string, ElementCodec>();

/** The codec of a set's elements. */
export function codecOf({ type, isInterval }: Pick<SetSpec, "type" | "isInterval">): ElementCodec {
  const key = `${type} ${isInterval}`;
  let codec = codecs.get(key);
  if (codec === undefined) {
    codec = elementCodec({ type, isInterval });
    codecs.set(key, codec);
  }
  return codec;
}

export function elementsOf(spec: SetSpec, texts: Iterable<string>): readonly NftElement[] {
  const codec = codecOf(spec);
  return Array.from(texts).flatMap((text) => codec.parse(text));
}

export function declarationOf({ name, type, isInterval }: SetSpec): SetDeclaration {
  return { name, type, isInterval, isVerdictMap: false };
}
