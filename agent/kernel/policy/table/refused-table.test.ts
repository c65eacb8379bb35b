import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { NetlinkError } from "../../../netlink/message/netlink-error.ts";
import { createShopEngine, WEB_POLICY } from "../../../testing/policy/shop-engine.ts";
import { createPolicyKernel } from "../linux-policy-kernel.ts";

const ENOENT = 2;
const { PATH = "" } = process.env;
let folder: string;

/** An nft whose kernel lacks nfnetlink_log. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), "nft-"));
  const path = join(folder, "nft");
  writeFileSync(path, '#!/bin/sh\ncase "$(cat)" in *"log group"*) exit 1 ;; esac\n');
  chmodSync(path, 0o700);
  process.env["PATH"] = `${folder}${delimiter}${PATH}`;
});
after(() => {
  process.env["PATH"] = PATH;
  rmSync(folder, { recursive: true });
});

test("ensure() names the module that the policies' table was refused for, and not only ENOENT", async () => {
  const refuse = (): Promise<never> =>
    Promise.reject(new NetlinkError({ errno: ENOENT, what: "repair nftables table causeway-policy" }));
  const kernel = createPolicyKernel({ netfilter: { execute: refuse, tryExecute: refuse, dump: refuse } });
  const shop = createShopEngine();
  shop.addPolicy("web", WEB_POLICY);
  await assert.rejects(
    kernel.ensure(shop.engine.table),
    /^Error: Cannot apply policies: Linux \S+ has no module nfnetlink_log \(CONFIG_NETFILTER_NETLINK_LOG\), which is needed for network policies/,
  );
});
