import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { cidrOf } from "../../net/cidr.ts";
import { NETLINK_NETFILTER } from "../../netlink/nft/nft-generation.ts";
import { planRuleset } from "../../plan/rules/ruleset.ts";
import { assertInsideTestNamespaces } from "../../testing/runner/privileged.ts";
import { loadNative } from "../socket/native.ts";
import { createNftables } from "./nftables.ts";
import { createNetlinkClient } from "../socket/netlink-client.ts";

assertInsideTestNamespaces();

/** Folder with a real one, from `e2e/tools-matrix/run.sh`; else one that says what that says. */
const { CAUSEWAY_TEST_OLD_NFT: given, PATH = "" } = process.env;

const netfilter = createNetlinkClient(loadNative(), NETLINK_NETFILTER);
const rtnetlink = createNetlinkClient(loadNative());
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "old-nft-"));
  const said =
    'if [ "$1" = --version ]; then echo "nftables v0.9.8 (E.D.S.)"; else echo "datatype mismatch" >&2; exit 1; fi';
  writeFileSync(join(folder, "nft"), `#!/bin/sh\n${said}\n`);
  chmodSync(join(folder, "nft"), 0o700);
  process.env["PATH"] = `${given ?? folder}${delimiter}${PATH}`;
});

after(() => {
  process.env["PATH"] = PATH;
  rmSync(folder, { recursive: true });
  netfilter.close();
  rtnetlink.close();
});

test("an nft that does not know what we write is named with its version, and with the one that is needed", async () => {
  const nftables = createNftables({ netfilter, rtnetlink, onRestored: () => undefined });
  const podCidrs = [cidrOf("10.244.1.0", 24)];
  const masquerade = { families: [4 as const], randomPorts: true };
  const common = { bridge: "cw0", masquerade, serviceAddresses: [], overlay: undefined };
  const ruleset = planRuleset({ ...common, podCidrs, insideCidrs: [] });
  const reason =
    /^Error: Cannot apply nftables tables: nft 0\.9\.\d+ is too old; it must be 1\.0\.6 or newer, as that of the image is$/;
  await assert.rejects(nftables.ensure(ruleset), reason);
});
