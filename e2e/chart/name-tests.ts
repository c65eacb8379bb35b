import assert from "node:assert/strict";
import { test } from "node:test";
import type { Helm } from "./helm.ts";
import { parseObjects } from "./kubernetes-schema.ts";

/** Names, labels and images that operators give to everything at once. */
export function testNames(helm: Helm): void {
  test("no object, and no reference to one, keeps the name that fullnameOverride replaces", async () => {
    const set = ['fullnameOverride="net"', "prometheusRule.enabled=true", "dashboard.enabled=true"];
    const text = await helm.template({ set: [...set, "serviceMonitor.enabled=true"] });
    for (const { kind, metadata } of parseObjects(text)) assert.match(metadata.name, /^net(-|$)/, kind);
    assert.match(text, /daemonSet: kube-system\/net$/m);
    const references = text.match(/^ *(name|serviceAccountName|resourceNames|value): \[?causeway\S*/gm) ?? [];
    assert.deepEqual(references, []);
  });

  test("every alert's runbook_url is a whole address, without any setting", async () => {
    const text = await helm.template({ set: ["prometheusRule.enabled=true"] });
    const links = text.match(/runbook_url: .*/g) ?? [];
    assert.ok(links.length >= 10);
    for (const link of links)
      assert.match(link, /^runbook_url: https:\/\/\S+\/blob\/v\d\S*\/docs\/runbook\.md#causeway\w+$/);
  });

  test("every link of the dashboard is a whole address, and follows runbookPrefix", async () => {
    const linksWith = async (...set: readonly string[]): Promise<readonly string[]> => {
      const text = await helm.template({ set: ["dashboard.enabled=true", ...set] });
      return [...text.matchAll(/"url": "([^"]*docs\/[^"]*)"/g)].map(([, url = ""]) => url);
    };
    const links = await linksWith();
    assert.ok(links.length >= 3);
    for (const link of links) assert.match(link, /^https:\/\/\S+\/blob\/v\d\S*\/docs\/\w+\.md$/);
    const moved = await linksWith('prometheusRule.runbookPrefix="https://git.example.com/main/"');
    for (const link of moved) assert.match(link, /^https:\/\/git\.example\.com\/main\/docs\//);
  });

  test("commonLabels and commonAnnotations are on every object, those of one object win", async () => {
    const set = [
      'commonLabels={"team":"all"}',
      'commonAnnotations={"owner":"all"}',
      "podMonitor.enabled=true",
    ];
    const own = ['podMonitor.labels={"team":"own"}', 'podMonitor.annotations={"owner":"own"}'];
    for (const { kind, metadata } of parseObjects(await helm.template({ set: [...set, ...own] }))) {
      const want = kind === "PodMonitor" ? "own" : "all";
      assert.deepEqual([metadata.labels?.["team"], metadata.annotations?.["owner"]], [want, want], kind);
    }
  });

  for (const { repository, want } of [
    { repository: "localhost/causeway", want: "mirror.example.com:5000/causeway" },
    { repository: "registry.example.com/net/causeway", want: "mirror.example.com:5000/net/causeway" },
    { repository: "net/causeway", want: "mirror.example.com:5000/net/causeway" },
  ]) {
    test(`global.imageRegistry takes the place of the registry of ${repository}`, async () => {
      const set = ['global.imageRegistry="mirror.example.com:5000"', `image.repository="${repository}"`];
      const images = (await helm.template({ set })).match(/image: .+/g) ?? [];
      assert.ok(images.length >= 3);
      for (const image of images) assert.ok(image.startsWith(`image: "${want}:`), image);
    });
  }
}
