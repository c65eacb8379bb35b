import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { REPOSITORY } from "../lib/tools.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { PAGE_URL, type PageLab } from "./page-lab.ts";

const SCREENSHOTS = join(REPOSITORY, "docs", "pictures");
const MAX_SCREENSHOT_BYTES = 200_000;
const MAX_PAGE_BYTES = 60_000;
const EVIL = "shop/<img src=x onerror=alert(1)>";

const PODS = [
  { name: "kube-system/coredns-7c65d6cfc9-x2x5t", ports: [] },
  { name: "kube-system/metrics-server-6f7dd4c4c4-9h2kq", ports: [] },
  {
    name: "ingress/gateway-5d4c9b7b6-4kq7z",
    ports: [{ hostPort: 443, containerPort: 8443, protocol: "tcp" }],
  },
  { name: "shop/cart-58f9d9c7d4-hx8vm", ports: [] },
  { name: "shop/cart-58f9d9c7d4-wq2mm", ports: [] },
  { name: "shop/orders-6b9f4c77cb-7tjzn", ports: [] },
  { name: "shop/payments-0", ports: [] },
  { name: "monitoring/prometheus-0", ports: [] },
  {
    name: "monitoring/node-exporter-kx4p2",
    ports: [{ hostPort: 9100, containerPort: 9100, protocol: "tcp" }],
  },
];

/** What everybody sees, also without a script. */
export function testLook(getLab: () => PageLab): void {
  const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
    const context = await getLab().browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    await page.goto(PAGE_URL);
    return page;
  };

  describe("what the page shows", () => {
    before(async () => {
      const { addPod, run } = getLab();
      for (const { name, ports } of PODS) assert.equal(await addPod(name, { portMappings: ports }), 0);
      await addPod("batch/import-29384", {
        bandwidth: { ingressRate: 50_000_000, ingressBurst: 5_000_000, egressRate: 0, egressBurst: 0 },
      });
      const taken = [{ hostPort: 443, containerPort: 443, protocol: "tcp" }];
      assert.equal(await addPod("shop/edge-proxy-0", { portMappings: taken }), 1);
      await run("ip", "route", "del", "10.244.12.0/24");
    });

    test("without a script the tables have the pods, the calls, the routes and the repairs", async () => {
      const page = await open({ javaScriptEnabled: false });
      await waitUntilHolds(
        "the repair is shown",
        async () => {
          await page.reload();
          assert.match(await page.locator("#repairs").innerText(), /route\s.*10\.244\.12\.0\/24/);
        },
        { timeoutMs: 10_000, intervalMs: 200 },
      );
      const texts = await page.locator("#pods tbody tr").allInnerTexts();
      const row = texts.find((text) => text.startsWith("ingress/gateway-5d4c9b7b6-4kq7z")) ?? "";
      assert.match(row, /10\.244\.7\.\d+ fd00:10:244:7::\w+\tcw[a-z2-7]{13}\t\d+\ttcp 443 → 8443\t\d+ s$/);
      assert.equal(texts.length, PODS.length + 1);
      assert.match(
        await page.locator("#calls tbody").innerText(),
        /shop\/edge-proxy-0\t[\d.]+ ms\t11: Cannot reserve/,
      );
      assert.match(
        await page.locator("#peers tbody").innerText(),
        /edge-1\t10\.244\.50\.0\/24\tVXLAN\t198\.51\.100\.7/,
      );
      assert.match(await page.locator("#verdict").innerText(), /node-a\s+Ready/);
    });

    test(`the page has at most ${MAX_PAGE_BYTES} bytes, asks for nothing but itself, and breaks no policy`, async () => {
      const context = await getLab().browser.newContext();
      const page = await context.newPage();
      const requests: string[] = [];
      const complaints: string[] = [];
      context.on("request", (request) => requests.push(request.url()));
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      const answer = await page.goto(PAGE_URL);
      const bytes = (await answer?.body())?.length ?? 0;
      assert.ok(bytes > 1000 && bytes <= MAX_PAGE_BYTES, `${bytes} bytes`);
      await page.getByText("Live", { exact: true }).waitFor();
      await waitUntilHolds("it has asked twice more", () => assert.ok(requests.length >= 3), {
        timeoutMs: 15_000,
      });
      const others = requests.filter((url) => url !== PAGE_URL && !url.startsWith("data:"));
      assert.deepEqual({ others, complaints }, { others: [], complaints: [] });
      await context.close();
    });

    test("a script that somebody gets into the page does not run", async () => {
      const page = await open();
      const ran = await page.evaluate(`(() => {
        const script = document.createElement("script");
        script.textContent = "window.hasRun = true";
        document.body.append(script);
        return window.hasRun === true;
      })()`);
      assert.equal(ran, false);
      await page.context().close();
    });

    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [1200, 375]) {
        test(`axe finds nothing to complain of: ${colorScheme}, ${width} pixels`, async () => {
          const page = await open({ colorScheme, viewport: { width, height: 900 } });
          const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
          await page.evaluate(readFileSync(axe, "utf8"));
          const violations = await page.evaluate(
            "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html))",
          );
          assert.deepEqual(violations, []);
          const [shown, whole] = await Promise.all([
            page.evaluate("document.documentElement.clientWidth"),
            page.evaluate("document.documentElement.scrollWidth"),
          ]);
          assert.equal(whole, shown, "the page does not scroll sideways");
          const folder = process.env["PICTURES"];
          if (folder !== undefined)
            await page.screenshot({ path: join(folder, `page-${colorScheme}-${width}.png`), fullPage: true });
          await page.context().close();
        });
      }
    }

    for (const colorScheme of ["light", "dark"] as const) {
      test(`the picture in the docs: ${colorScheme}`, async () => {
        const screenshot = join(SCREENSHOTS, `node-page-${colorScheme}.png`);
        const page = await open({ colorScheme, viewport: { width: 1160, height: 1300 } });
        await page.getByText("Live", { exact: true }).waitFor();
        const picture = await page.screenshot();
        await page.context().close();
        if (process.env["UPDATE_SCREENSHOT"] === "1") writeFileSync(screenshot, picture);
        assert.ok(existsSync(screenshot), "run with UPDATE_SCREENSHOT=1, and look at what it takes");
        // That of the docs, not this one: how well a picture is compressed depends on the times and names in
        // it.
        const { size } = statSync(screenshot);
        assert.ok(size < MAX_SCREENSHOT_BYTES, `${size} bytes`);
      });
    }

    test("a pod's name is text, whatever it holds", async () => {
      await getLab().addPod(EVIL);
      const page = await open();
      await page.locator("#calls td", { hasText: EVIL }).first().waitFor({ timeout: 10_000 });
      assert.equal(await page.locator("img").count(), 0);
      await page.context().close();
      await getLab().removePod(EVIL);
    });
  });
}
