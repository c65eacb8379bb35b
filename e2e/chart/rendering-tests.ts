import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertGolden } from "../../agent/testing/golden.ts";
import { observeCommand, runCommand } from "../lib/command.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { CHART, type Helm } from "./helm.ts";
import { VALUES_FILES } from "./values-files.ts";

const DEPLOY = join(REPOSITORY, "deploy");

/** What helm makes of the chart, as text. */
export function testRendering(helm: Helm): void {
  test("deploy/causeway.yaml is what the chart renders to; else run deploy/render.sh >deploy/causeway.yaml", async () => {
    const render = ["env", `HELM=${helm.program}`, join(DEPLOY, "render.sh")];
    assert.equal(await differenceTo(join(DEPLOY, "causeway.yaml"), await runCommand(render)), "");
  });

  test("the admission policy comes with encryption, names the agent's account, and can be left out", async () => {
    const encrypt = 'config.encryption.type="wireguard"';
    const render = (...set: readonly string[]): Promise<string> => helm.template({ set });
    assert.doesNotMatch(await render(), /ValidatingAdmissionPolicy/);
    assert.doesNotMatch(await render(encrypt, "admissionPolicy.enabled=false"), /ValidatingAdmissionPolicy/);
    const text = await render(encrypt, 'serviceAccount={"create":false,"name":"own"}');
    assert.match(text, /kind: ValidatingAdmissionPolicyBinding/);
    assert.match(text, /request\.userInfo\.username == "system:serviceaccount:kube-system:own"/);
  });

  for (const { name, files } of VALUES_FILES) {
    test(`lint accepts the values "${name}"`, async () => {
      assert.match(await helm.lint({ files }), /1 chart\(s\) linted, 0 chart\(s\) failed/);
    });

    // The whole output of the defaults, and of all others how they differ from it.
    test(`the values "${name}" render to their golden file`, async () => {
      const text = nameFiles(await helm.template({ files }));
      if (files.length === 0) return assertGolden(text, golden(name));
      assertGolden(await differenceTo(golden("defaults").pathname, text), golden(name));
    });
  }
}

function golden(name: string): URL {
  return new URL(`golden/${name}.golden`, import.meta.url);
}

/** What the chart takes over as it is, and at which depth: golden files have the name instead. */
const FILES = [
  { file: "connectivity.mts", depth: 4 },
  { file: "dashboard.json", depth: 4 },
  { file: "rules.yaml", depth: 2 },
];

/** Links begin with the address of the release, which `e2e/chart/name-tests.ts` tests. */
const LINK = /("url": ")[^"]*(?=docs\/)/g;

function nameFiles(rendered: string): string {
  const text = rendered.replaceAll(LINK, "$1");
  return FILES.reduce((rest, { file, depth }) => {
    const indent = " ".repeat(depth);
    const lines = readFileSync(join(CHART, "files", file), "utf8")
      .trimEnd()
      .split("\n");
    return rest.replace(lines.map((line) => `${indent}${line}`).join("\n"), `${indent}<${file}>`);
  }, text);
}

/** Unified difference, without the names and times of files; empty when there is none. */
async function differenceTo(path: string, text: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "causeway-chart-"));
  try {
    writeFileSync(join(folder, "rendered"), text);
    const { code, stdout, stderr } = await observeCommand(["diff", "-U1", path, join(folder, "rendered")]);
    if (code !== 0 && code !== 1) throw new Error(`Cannot compare with "${path}": ${stderr}`);
    return stdout.split("\n").slice(2).join("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
