/** A transaction of anybody, as the kernel's notifications tell it. */
export interface Commit {
  /** The generation of the namespace's rulesets that it led to. */
  readonly generation: number;
  /** It came through a socket of ours: whoever sent it knows what it did. */
  readonly isOwn: boolean;
  /** Names of the tables that it changed. */
  readonly tables: ReadonlySet<string>;
}

/** Whether tables of one name are as they were last seen, without a look at them. */
export interface TableGeneration {
  /**
   * Called before the generation is read, and the tables after it; the answer is called if they were as
   * planned, with the generation at which they were.
   */
  look(): (generation: number) => void;
  /** They may not be as planned. */
  distrust(): void;
  /**
   * The generation that the rulesets have if nobody has touched these tables since they were seen; 0: they
   * were not.
   */
  expected(): number;
}

/**
 * What is known of the generations of the namespace's rulesets: each transaction of anybody leads to the next
 * one, whatever it is about. Our own leave all tables of ours as planned; those of others the tables that
 * they do not touch, once the kernel has told of them. Where the count is not sure, the generation differs
 * from the expected one, and the tables are looked at.
 */
export interface Generations {
  open(table: string): TableGeneration;
  /** Transactions of ours were made, through a socket of ours; one if no count is given. */
  advance(count?: number): void;
  /** The kernel has told of a transaction. */
  notice(commit: Commit): void;
}

interface Entry {
  readonly table: string;
  /** 0: not verified. */
  seen: number;
  /** Transactions of ours that are in `seen`. */
  counted: number;
}

/**
 * Of others and of ours, while tables are looked at: the kernel may tell of a transaction before the look has
 * ended.
 */
const KEPT_COMMITS = 64;

export function createGenerations(): Generations {
  const entries: Entry[] = [];
  /** The last ones that the kernel has told of, in their order. */
  const commits: Commit[] = [];
  /** Transactions of ours. */
  let own = 0;
  return {
    open(table) {
      const entry: Entry = { table, seen: 0, counted: 0 };
      entries.push(entry);
      return {
        look() {
          const before = own;
          return (generation) => {
            Object.assign(entry, { seen: generation, counted: before });
            for (const commit of commits) follow(entry, commit);
          };
        },
        distrust() {
          entry.seen = 0;
        },
        expected: () => (entry.seen === 0 ? 0 : later(entry.seen, own - entry.counted)),
      };
    },
    advance(count = 1) {
      own += count;
    },
    notice(commit) {
      commits.push(commit);
      if (commits.length > KEPT_COMMITS) commits.shift();
      for (const entry of entries) follow(entry, commit);
    },
  };
}

/**
 * Takes an entry from the generation before a transaction to the one that it led to, if the tables are as
 * they were.
 */
function follow(entry: Entry, { generation, isOwn, tables }: Commit): void {
  // One that was made before the tables were seen says nothing.
  if (entry.seen === 0 || generation !== later(entry.seen, 1)) return;
  if (!isOwn && tables.has(entry.table)) return;
  entry.seen = generation;
  if (isOwn) entry.counted += 1;
}

/** nf_tables_commit of net/netfilter/nf_tables_api.c: 32 bits, without 0. */
function later(generation: number, steps: number): number {
  const next = generation + steps;
  return next > 0xffff_ffff ? next - 0xffff_ffff : next;
}
