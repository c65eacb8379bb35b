import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hasTest, type NamedTest, namedTests } from "./docs/named-tests.ts";

const REPOSITORY = new URL("../../", import.meta.url);

/**
 * Rows that must be there: install, addresses, life of a sandbox, DEL, the CNI contract, the datapath of
 * nodes and what is between them; network policies.
 */
const REQUIRED = [[1, 8], [11], [14, 16], [18, 70], [301, 356]].flatMap(([first = 0, last = first]) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index),
);

interface Row {
  readonly number: number;
  readonly threads: string;
  readonly harm: string;
  readonly proof: string;
}

/** Rows of the first table; those of the later ones have fewer columns. */
const rows: readonly Row[] = readFileSync(new URL("docs/field-cases.md", REPOSITORY), "utf8")
  .split("\n")
  .map((line) => /^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, number, threads = "", harm = "", proof = ""]) => {
    return { number: Number(number), threads, harm, proof };
  });

const CANNOT_OCCUR = /^Cannot occur: .{20,}$/;

/** The tests of a row; a proof that is neither tests nor a reason throws. */
function testsOf({ number, proof }: Row): readonly NamedTest[] {
  if (CANNOT_OCCUR.test(proof)) return [];
  return proof.split("<br>").map((entry) => {
    const [only, ...further] = namedTests(entry);
    if (only === undefined || further.length > 0) throw new Error(`Cannot read row ${number}: ${entry}`);
    return only;
  });
}

test("docs/field-cases.md has every row that must be there, once and in order", () => {
  const numbers = rows.map(({ number }) => number);
  assert.deepEqual(
    REQUIRED.filter((number) => !numbers.includes(number)),
    [],
  );
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  );
});

test("docs/field-cases.md names a thread for every row, or that it was found by trial", () => {
  assert.deepEqual(
    rows
      .filter(({ threads }) => !/#\d+|10-network-magic|conformance test|found by trial/.test(threads))
      .map(({ number }) => number),
    [],
  );
});

test("docs/field-cases.md names tests that exist", () => {
  const named = rows.flatMap(testsOf);
  assert.ok(named.length > REQUIRED.length, "the table is read");
  assert.deepEqual(
    named.filter((each) => !hasTest(each)),
    [],
  );
});
