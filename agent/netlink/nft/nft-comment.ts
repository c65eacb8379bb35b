/** NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_SET_ELEM_COMMENT of libnftnl (libnftnl/udata.h). */
const COMMENT = 0;

/** Type and length, a byte each, stand before each value. */
const HEADER_BYTES = 2;

/** User data of a rule or an element that holds a comment of at most 127 bytes, as nft writes it. */
export function writeComment(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Uint8Array.of(COMMENT, text.length), text]);
}

/**
 * The comment in user data; undefined when it holds none. What does not have nft's form is somebody else's.
 */
export function readComment(userdata: Buffer | undefined): string | undefined {
  if (userdata === undefined) return undefined;
  for (let offset = 0; offset + HEADER_BYTES <= userdata.length; ) {
    const end = offset + HEADER_BYTES + (userdata[offset + 1] ?? 0);
    if (userdata[offset] === COMMENT) {
      const text = userdata.toString("utf8", offset + HEADER_BYTES, end);
      return text.replace(/\0$/, "");
    }
    offset = end;
  }
  return undefined;
}
