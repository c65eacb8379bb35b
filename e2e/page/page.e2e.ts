import { after, before, describe } from "node:test";
import { testLive } from "./live-tests.ts";
import { testLook } from "./look-tests.ts";
import { createPageLab, type PageLab } from "./page-lab.ts";
import { testTables } from "./table-tests.ts";
import { testViewers } from "./viewer-tests.ts";

describe("page", () => {
  let lab: PageLab | undefined;
  const getLab = (): PageLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  before(async () => {
    lab = await createPageLab();
  });
  after(async () => {
    await lab?.close();
  });
  testLook(getLab);
  testTables(getLab);
  testLive(getLab);
  testViewers(getLab);
});
