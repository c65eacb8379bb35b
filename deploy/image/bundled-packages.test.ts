import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBill, listBundledPackages, type Lockfile } from "./bundled-packages.ts";

const entry = { version: "1.2.3", license: "MIT", integrity: "sha512-AAEC" };
const lockfile: Lockfile = {
  packages: {
    "node_modules/a": entry,
    "node_modules/@s/b": entry,
    "node_modules/a/node_modules/c": entry,
    "node_modules/bare": { version: "1.0.0" },
  },
};

function metafile(...paths: readonly string[]): Parameters<typeof listBundledPackages>[0] {
  const inputs = Object.fromEntries(paths.map((path) => [path, { bytesInOutput: 1 }]));
  return {
    outputs: { "dist/x.mjs": { inputs: { ...inputs, "node_modules/unused/i.js": { bytesInOutput: 0 } } } },
  };
}

test("listBundledPackages() lists each package once, with those inside others, and none that left nothing", () => {
  const paths = ["agent/main.ts", "node_modules/a/x.js", "node_modules/a/lib/y.js", "node_modules/@s/b/i.js"];
  const packages = listBundledPackages(metafile(...paths, "node_modules/a/node_modules/c/i.js"), lockfile);
  assert.deepEqual(
    packages.map(({ name, folder }) => [name, folder]),
    [
      ["@s/b", "node_modules/@s/b"],
      ["a", "node_modules/a"],
      ["c", "node_modules/a/node_modules/c"],
    ],
  );
});

for (const name of ["bare", "nowhere"]) {
  test(`listBundledPackages() refuses the package "${name}" of which the lock file does not know all`, () => {
    assert.throws(
      () => listBundledPackages(metafile(`node_modules/${name}/i.js`), lockfile),
      new RegExp(`^Error: Cannot list "node_modules/${name}": package-lock.json lacks`),
    );
  });
}

test("formatBill() names packages by their URLs, with the sums of the lock file", () => {
  const packages = listBundledPackages(metafile("node_modules/@s/b/i.js"), lockfile);
  const bill = JSON.parse(formatBill("causeway", "9.9.9", packages)) as Record<string, unknown>;
  assert.deepEqual(bill["components"], [
    {
      type: "library",
      "bom-ref": "pkg:npm/%40s/b@1.2.3",
      name: "@s/b",
      version: "1.2.3",
      purl: "pkg:npm/%40s/b@1.2.3",
      licenses: [{ license: { id: "MIT" } }],
      hashes: [{ alg: "SHA-512", content: "000102" }],
    },
  ]);
  assert.deepEqual(bill["dependencies"], [{ ref: "causeway", dependsOn: ["pkg:npm/%40s/b@1.2.3"] }]);
});
