import type { Masquerade } from "../diagnosis/path-observation.ts";
import { messageOf } from "../errors.ts";
import { runNft } from "../kernel/run-nft.ts";
import { familyOf } from "../net/address.ts";
import { TABLE_NAME } from "../plan/ruleset.ts";
import { findElement } from "./find-element.ts";

/** What our tables do to the source of a packet that leaves the cluster. */
export async function observeMasquerade(source: string, destination: string): Promise<Masquerade> {
  try {
    return await readMasquerade(source, destination);
  } catch (error) {
    return { kind: "unknown", reason: messageOf(error) };
  }
}

async function readMasquerade(source: string, destination: string): Promise<Masquerade> {
  const family = familyOf(source);
  const pods = await findElement(`pods${family}`, source);
  if (pods.kind === "no set") {
    // The sets of host ports are there in any case: without them the whole table is gone.
    const table = await findElement(`ports${family}`, "tcp . 1");
    if (table.kind === "no set") return { kind: "broken", reason: `table inet ${TABLE_NAME} is missing` };
    return { kind: "off" };
  }
  if (pods.kind === "absent") return { kind: "broken", reason: `set pods${family} lacks ${source}` };
  const chain = await runNft(["list", "chain", "inet", TABLE_NAME, "postrouting"], "").catch(() => "");
  if (!chain.includes(`comment "masquerade${family} `))
    return { kind: "broken", reason: "the rule of chain postrouting is missing" };
  const inside = await findElement(`inside${family}`, destination);
  if (inside.kind === "no set") return { kind: "broken", reason: `set inside${family} is missing` };
  return { kind: inside.kind === "present" ? "inside" : "masqueraded" };
}
