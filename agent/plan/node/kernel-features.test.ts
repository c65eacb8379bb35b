import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFeature, judgeRefused, KERNEL_FEATURES } from "./kernel-features.ts";
import { modulesCommand } from "./module-packages.ts";

const TRIED = KERNEL_FEATURES.filter(({ probe }) => probe !== undefined);

function told(...refused: readonly string[]): readonly string[] {
  const features = TRIED.filter(({ module = "" }) => refused.includes(module));
  return judgeRefused(TRIED, features).map(describeFeature);
}

const NAT = "which is needed for masquerade and host ports";

test("judgeRefused() names nf_nat where all that needs it is refused, and not nft_chain_nat alone", () => {
  assert.deepEqual(told("nft_chain_nat", "nft_nat", "nft_masq"), [
    `module nft_chain_nat (CONFIG_NFT_NAT) or nf_nat that it depends on, ${NAT}`,
    "module nft_nat (CONFIG_NFT_NAT) or nf_nat that it depends on, which is needed for host ports",
    `module nft_masq (CONFIG_NFT_MASQ) or nf_nat that it depends on, ${NAT}`,
  ]);
  assert.deepEqual(told("nft_chain_nat"), [`module nft_chain_nat (CONFIG_NFT_NAT), ${NAT}`]);
});

test("judgeRefused() does not name what could not be tried for want of another module", () => {
  assert.deepEqual(told("nft_log", "nfnetlink_log"), [
    "module nft_log (CONFIG_NFT_LOG), which is needed for network policies",
  ]);
  assert.deepEqual(told("nfnetlink_log"), [
    "module nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG), which is needed for network policies",
  ]);
});

for (const [release, want] of [
  ["6.8.0-1021-aws", "apt-get install --yes linux-modules-extra-6.8.0-1021-aws"],
  ["6.14.0-24-generic", "apt-get install --yes linux-modules-extra-6.14.0-24-generic"],
  [
    "5.14.0-427.13.1.el9_4.x86_64",
    "dnf install --assumeyes kernel-modules-extra-5.14.0-427.13.1.el9_4.x86_64",
  ],
  ["6.14.9-300.fc42.x86_64", "dnf install --assumeyes kernel-modules-extra-6.14.9-300.fc42.x86_64"],
  ["5.15.0-1034-raspi", "apt-get install --yes linux-modules-extra-5.15.0-1034-raspi"],
  [
    "5.15.0-209.161.7.2.el8uek.x86_64",
    "dnf install --assumeyes kernel-uek-modules-5.15.0-209.161.7.2.el8uek.x86_64 kernel-uek-modules-extra-5.15.0-209.161.7.2.el8uek.x86_64",
  ],
  [
    "6.12.0-0.20.20.el9uek.x86_64",
    "dnf install --assumeyes kernel-uek-modules-6.12.0-0.20.20.el9uek.x86_64 kernel-uek-modules-extra-6.12.0-0.20.20.el9uek.x86_64 kernel-uek-modules-extra-netfilter-6.12.0-0.20.20.el9uek.x86_64",
  ],
  ["5.10.134-13.al8.x86_64", "dnf install --assumeyes kernel-modules-extra-5.10.134-13.al8.x86_64"],
  ["5.14.0-427.13.1.el9_4.aarch64+64k", undefined],
  ["6.4.0-150600.23.7-default", undefined],
  ["6.1.0-9-amd64", undefined],
] as const)
  test(`modulesCommand() for ${release}`, () => {
    assert.equal(modulesCommand(release), want);
  });
