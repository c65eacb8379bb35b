import assert from "node:assert/strict";
import { test } from "node:test";
import { type Attachment, formatAlias, parseAlias } from "./attachment.ts";

const attachment: Attachment = {
  network: "causeway",
  containerId: "2ae73799732f",
  ifname: "eth0",
  addresses: ["10.244.1.5", "fd00:10:244:1::5"],
};

test("parseAlias() reads what formatAlias() wrote", () => {
  assert.equal(formatAlias(attachment), "causeway 1 causeway 2ae73799732f eth0 10.244.1.5,fd00:10:244:1::5");
  assert.deepEqual(parseAlias(formatAlias(attachment)), attachment);
});

for (const alias of [
  "",
  "causeway",
  "uplink",
  "causeway 2 n c eth0 10.0.0.2",
  "causeway 1 n c eth0",
  "causeway 1 n c eth0 a b",
]) {
  test(`parseAlias() leaves the link with alias ${JSON.stringify(alias)} to its owner`, () => {
    assert.equal(parseAlias(alias), undefined);
  });
}
