import { after, describe } from "node:test";
import { openHelm } from "./helm.ts";
import { testCrds } from "./crds-tests.ts";
import { testConfig } from "./config-tests.ts";
import { testNotes } from "./notes-tests.ts";
import { testNames } from "./name-tests.ts";
import { testRefusals } from "./refusal-tests.ts";
import { testRendering } from "./rendering-tests.ts";
import { testSchemas } from "./schema-tests.ts";

const helms = [await openHelm("helm-3"), await openHelm("helm-4")];
after(() => {
  for (const helm of helms) helm.close();
});

for (const helm of helms) {
  describe(`helm ${helm.version}`, () => {
    testRendering(helm);
    testRefusals(helm);
    testCrds(helm.folder);
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
