import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import type { Netns } from "../lib/netns.ts";

/** Starts a headless Chromium whose network is that of the node; it is driven through a pipe. */
export async function startBrowser(netns: Netns, folder: string): Promise<Browser> {
  const script = join(folder, "chromium.sh");
  writeFileSync(script, `#!/bin/sh\nexec ${netns.enter.join(" ")} chromium "$@"\n`);
  chmodSync(script, 0o755);
  // The sandbox needs user namespaces, or a user other than root; what it sees is our own page.
  return chromium.launch({ executablePath: script, args: ["--no-sandbox"] });
}
