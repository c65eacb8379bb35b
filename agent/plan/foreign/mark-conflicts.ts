/** A chain of somebody else that has to do with connections' marks; 32 bits each. */
export interface MarkUser {
  /** Family, table and name. */
  readonly chain: string;
  /** Bits that it may change. */
  readonly writes: number;
  /** Bits that it asks for. */
  readonly reads: number;
}

const ALL_BITS = 0xffff_ffff;

/**
 * What others do with the bit that ends connections, as sentences: they would end connections that policies
 * allow, or let go on what was ended.
 */
export function listMarkConflicts(users: readonly MarkUser[], markBit: number): readonly string[] {
  const mine = (1 << markBit) >>> 0;
  const used = users.reduce(
    (bits, { writes, reads }) => bits | (writes === ALL_BITS ? 0 : writes) | reads,
    0,
  );
  return users.flatMap(({ chain, writes, reads }) => {
    if (writes === ALL_BITS)
      return [`chain ${chain} sets whole marks of connections, among them bit ${markBit} of policies`];
    if (((writes | reads) & mine) === 0) return [];
    const what = (writes & mine) === 0 ? "reads" : "sets";
    return [
      `chain ${chain} ${what} bit ${markBit} of connections' marks, by which policies end connections${freeBit(used)}`,
    ];
  });
}

/**
 * The highest bit of which nobody makes use, but for the sign of tools that take marks for signed numbers.
 */
function freeBit(used: number): string {
  for (let bit = 30; bit >= 16; bit--)
    if ((used & (1 << bit)) === 0) return `; set policy.markBit to one that is free, such as ${bit}`;
  return "";
}
