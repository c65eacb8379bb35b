import { after, describe } from "node:test";
import { openHelm } from "./helm.ts";
import { testCrds } from "./crds-tests.ts";
import { testConfig } from "./config-tests.ts";
import { testNotes } from "./notes-tests.ts";
import { testNames } from "./name-tests.ts";
import { testRefusals } from "./refusal-tests.ts";
import { testRendering } from "./rendering-tests.ts";
import { testSchemas } from "./schema-tests.ts";

const FOLDERS = ["helm-3", "helm-4"] as const;
const helms = await Promise.all(FOLDERS.map((folder) => openHelm(folder)));
after(() => {
  for (const helm of helms) helm.close();
});

for (const [index, helm] of helms.entries()) {
  describe(`helm ${helm.version}`, () => {
    testRendering(helm);
    testRefusals(helm);
    testCrds(FOLDERS[index] ?? "");
  });
}

const [, newest = helms[0]] = helms;
if (newest !== undefined) {
  describe("objects", () => {
    testSchemas(newest);
    testConfig(newest);
    testNames(newest);
    testNotes(newest);
  });
}
