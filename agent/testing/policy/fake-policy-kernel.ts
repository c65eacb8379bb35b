import type { PolicyKernel } from "../../kernel/policy/policy-kernel.ts";
import { isEmptyTable, type PolicyTable } from "../../plan/policy/compile/policy-table.ts";
import { diffTables } from "../../plan/policy/state/diff-tables.ts";
import { createTableMirror, type TableMirror } from "./table-mirror.ts";

/** A kernel that keeps the table in memory, and refuses what the real one refuses. */
export interface FakePolicyKernel extends Pick<PolicyKernel, "ensure" | "apply" | "remove"> {
  /** Undefined: there is none. */
  table(): PolicyTable | undefined;
  /** Calls so far: "ensure", "apply", "join", "remove". */
  readonly calls: string[];
  /** As `nft flush ruleset` does it. */
  flush(): void;
  /** Is waited for before each call takes effect, and may throw what the kernel would. */
  before: (call: string) => Promise<void>;
}

export function createFakePolicyKernel(): FakePolicyKernel {
  let mirror: TableMirror | undefined;
  const fake: FakePolicyKernel = {
    calls: [],
    table: () => mirror?.table,
    flush() {
      mirror = undefined;
    },
    before: () => Promise.resolve(),
    async ensure(table) {
      fake.calls.push("ensure");
      await fake.before("ensure");
      const isNew = mirror === undefined;
      mirror ??= createTableMirror();
      const changes = diffTables(mirror.table, table);
      mirror.apply(changes);
      return isNew ? ["there is no table"] : changes.map(({ kind }) => kind);
    },
    async apply(changes, join) {
      const isJoined = changes.length > 0 && (await join?.([])) === true;
      fake.calls.push(isJoined ? "join" : "apply");
      await fake.before("apply");
      if (mirror === undefined) throw new Error("ENOENT");
      mirror.apply(changes);
    },
    async remove() {
      fake.calls.push("remove");
      await fake.before("remove");
      mirror = undefined;
    },
  };
  return fake;
}

/** Whether the kernel's table is what it must be. */
export function holds(kernel: FakePolicyKernel, wanted: PolicyTable): boolean {
  const table = kernel.table();
  if (table === undefined) return isEmptyTable(wanted);
  return diffTables(table, wanted).length === 0;
}
