import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { PAGE_URL, type PageLab } from "./page-lab.ts";

/** What the script adds. */
export function testLive(getLab: () => PageLab): void {
  describe("the page while it is open", () => {
    test("a pod comes and goes, and the page tells it without being loaded again, and keeps its place", async () => {
      const { browser, addPod, removePod } = getLab();
      const context = await browser.newContext({ viewport: { width: 1200, height: 400 } });
      const page = await context.newPage();
      await page.goto(PAGE_URL);
      let loads = 0;
      page.on("load", () => loads++);
      await page.mouse.wheel(0, 200);
      await waitUntilHolds(
        "the page has scrolled",
        async () => assert.equal(await page.evaluate("scrollY"), 200),
        { timeoutMs: 5000 },
      );
      const row = page.locator("#pods tr", { hasText: "shop/late-0" });
      await addPod("shop/late-0");
      await row.waitFor({ timeout: 10_000 });
      await removePod("shop/late-0");
      await row.waitFor({ state: "detached", timeout: 10_000 });
      assert.match(await page.locator("#calls tbody tr").first().innerText(), /\tDEL\tshop\/late-0\t/);
      assert.equal(loads, 0);
      assert.equal(await page.evaluate("scrollY"), 200);
      await context.close();
    });

    test("an agent that stops, and one that comes back, are told", async () => {
      const { browser, node } = getLab();
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(PAGE_URL);
      const live = page.locator("#live");
      await page.getByText("Live", { exact: true }).waitFor();
      await node.stopAgent();
      await waitUntilHolds(
        "it is told",
        async () =>
          assert.match(
            await live.innerText(),
            /^No answer from the agent since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
          ),
        {
          timeoutMs: 15_000,
        },
      );
      // Nobody knows whether it is still ready: no green word may say so.
      assert.match(await page.locator("#verdict").innerText(), /Unknown: the agent does not answer$/);
      assert.equal(await page.locator("#verdict .good").count(), 0);
      assert.match(await page.title(), /: unknown$/);
      // Old rows must not pass for the node's state.
      assert.equal(await page.locator("body.lost").count(), 1);
      assert.match(
        await page.evaluate('getComputedStyle(document.querySelector("main")).filter'),
        /grayscale/,
      );
      // What is known stays on the page, and the pods of before come back with their names.
      assert.ok((await page.locator("#pods tbody tr").count()) > 0);
      await node.agent();
      await page.getByText("Live", { exact: true }).waitFor({ timeout: 15_000 });
      assert.match(await page.locator("#pods tbody").innerText(), /shop\/payments-0/);
      assert.match(await page.locator("#verdict").innerText(), /Ready$/);
      assert.match(await page.title(), /: ready$/);
      assert.equal(await page.locator("body.lost").count(), 0);
      await context.close();
    });
  });
}
