import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { PAGE_URL, type PageLab } from "./page-lab.ts";

const HEAD = "#pods th button";

/** What the script makes of the tables: order, filter, and hints on narrow screens. */
export function testTables(getLab: () => PageLab): void {
  const open = async (width = 1200): Promise<Page> => {
    const context = await getLab().browser.newContext({ viewport: { width, height: 900 } });
    const page = await context.newPage();
    await page.goto(PAGE_URL);
    await page.getByText("Live", { exact: true }).waitFor();
    return page;
  };
  const namesOf = (page: Page): Promise<readonly string[]> =>
    page.locator("#pods tbody tr:not([hidden]) td:first-child").allInnerTexts();

  describe("the page's tables", () => {
    test("a click on a heading sorts, the next one turns the order round, and an update keeps it", async () => {
      const page = await open();
      await page.locator(HEAD, { hasText: "Pod" }).first().click();
      const up = await namesOf(page);
      assert.deepEqual(up, up.toSorted(new Intl.Collator("en", { numeric: true }).compare));
      assert.equal(await page.locator("#pods th").first().getAttribute("aria-sort"), "ascending");
      await page.keyboard.press("Enter");
      assert.deepEqual(await namesOf(page), up.toReversed());
      const { addPod, removePod } = getLab();
      await addPod("zoo/zebra-0");
      await waitUntilHolds(
        "the new pod is in its place",
        async () => assert.equal((await namesOf(page))[0], "zoo/zebra-0"),
        { timeoutMs: 10_000 },
      );
      assert.equal(await page.evaluate("document.activeElement.tagName"), "BUTTON", "the focus stays");
      await removePod("zoo/zebra-0");
      await page.context().close();
    });

    test("ages sort by time, not by their text", async () => {
      const page = await open();
      await page.evaluate(`for (const [index, cell] of [...document.querySelectorAll("#pods td:last-child")].entries())
        cell.textContent = ["12 s", "3 min", "2 h", "1,000 d"][index % 4]`);
      await page.locator(HEAD, { hasText: "Age" }).click();
      const ages = await page.locator("#pods td:last-child").allInnerTexts();
      assert.deepEqual([...new Set(ages)], ["12 s", "3 min", "2 h", "1,000 d"]);
      await page.context().close();
    });

    test("the filter shows matching rows of all tables, counts them, and survives an update", async () => {
      const page = await open();
      await page.getByRole("searchbox").fill("SHOP/cart");
      const names = await namesOf(page);
      assert.deepEqual(names.length, 2);
      assert.ok(names.every((name) => name.startsWith("shop/cart-")));
      assert.match((await page.locator("#pods h2").getAttribute("data-found")) ?? "", /^2 of \d+$/);
      const { addPod, removePod } = getLab();
      await addPod("shop/cart-late");
      await waitUntilHolds("the new pod matches", async () => assert.equal((await namesOf(page)).length, 3), {
        timeoutMs: 10_000,
      });
      await removePod("shop/cart-late");
      await page.getByRole("searchbox").fill("");
      assert.equal(await page.locator("#pods h2").getAttribute("data-found"), null);
      assert.ok((await namesOf(page)).length > 5);
      await page.context().close();
    });

    test("without a script there is no filter that does nothing", async () => {
      const context = await getLab().browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(PAGE_URL);
      assert.equal(await page.locator("input, th button").count(), 0);
      await context.close();
    });

    test("on a phone, what a table has beyond the screen is marked by a shade, and the keyboard reaches it", async () => {
      const page = await open(375);
      const cut =
        await page.evaluate(`[...document.querySelectorAll("table")].filter((table) => table.scrollWidth > document.documentElement.clientWidth).map((table) => {
        const box = table.closest(".scroll"), { backgroundImage, overflowX } = getComputedStyle(box);
        return { overflowX, tabIndex: box.tabIndex, shades: backgroundImage.split("linear-gradient").length - 1 };
      })`);
      assert.ok(Array.isArray(cut) && cut.length > 0, "a table is wider than the screen");
      for (const box of cut) assert.deepEqual(box, { overflowX: "auto", tabIndex: 0, shades: 4 });
      await page.context().close();
    });
  });
}
