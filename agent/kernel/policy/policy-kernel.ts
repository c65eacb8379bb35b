import type { MessageBody } from "../../netlink/message/message.ts";
import type { PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import type { TableChange } from "../../plan/policy/state/table-change.ts";

/**
 * Takes messages along in a transaction of somebody else, who counts it as one of ours; false: it was
 * refused, and nothing is made.
 */
export type Join = (bodies: readonly MessageBody[]) => Promise<boolean>;

/**
 * The table `inet causeway-policy`. Calls are carried out in the order they were made, and tables are taken
 * as they are when a method is called. What the kernel refuses is a NetlinkError (EEXIST, ENOENT, EBUSY);
 * after any failure `ensure` has to be called before `apply`.
 */
export interface PolicyKernel {
  /**
   * Makes the kernel's table exactly this, and creates it if absent. Reads it back first unless nobody else
   * can have changed it. Tells what was not as it was left, in words: of a table that is new or that another
   * process made, everything that differs.
   */
  ensure(table: PolicyTable): Promise<readonly string[]>;
  /**
   * What packets meet changes in one transaction, after one with the chains and sets that are new ({@link
   * inTransactions}); only what a socket cannot take at once is split further, in its order. What is short
   * enough and one transaction is given to `join`, where there is one.
   */
  apply(changes: readonly TableChange[], join?: Join): Promise<void>;
  /**
   * What differs between this table and the kernel's, in words; changes nothing. `afresh`: read even if
   * nobody else can have changed it.
   */
  check(table: PolicyTable, options?: { readonly afresh: boolean }): Promise<readonly string[]>;
  /** Removes the table with all in it; one that is absent is fine. */
  remove(): Promise<void>;
  /**
   * The last generation at which the table was as it was left, once what is being done is done; 0: nobody has
   * seen that.
   */
  verifiedGeneration(): Promise<number>;
  /**
   * Packets that were dropped, by the name of what drops them ({@link findDenial}), since its chain was made.
   */
  readDenials(): Promise<ReadonlyMap<string, number>>;
}
