import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isAddressInUse,
  isAlreadyExists,
  isNotFound,
  isNotPermitted,
  isNotSupported,
  mayBeUnknown,
  NetlinkError,
} from "./netlink-error.ts";

const what = "add route 10.244.2.0/24 via 192.0.2.7";

for (const { name, input, want } of [
  {
    name: "action, object and cause",
    input: { errno: 101, what },
    want: `Cannot ${what}: ENETUNREACH (network is unreachable)`,
  },
  {
    name: "the kernel's words",
    input: { errno: 101, what, extack: "Nexthop has invalid gateway" },
    want: `Cannot ${what}: ENETUNREACH (network is unreachable; kernel: "Nexthop has invalid gateway")`,
  },
  {
    name: "an empty explanation as none",
    input: { errno: 1, what, extack: "" },
    want: `Cannot ${what}: EPERM (operation not permitted)`,
  },
  {
    name: "an error number that it does not know",
    input: { errno: 4000, what },
    want: `Cannot ${what}: E4000 (error 4000)`,
  },
]) {
  test(`NetlinkError says ${name}`, () => {
    assert.equal(new NetlinkError(input).message, want);
  });
}

for (const { predicate, yes, no } of [
  { predicate: isAlreadyExists, yes: [17], no: [2, 1] },
  { predicate: isNotFound, yes: [19, 2, 3, 6, 99], no: [17, 22] },
  { predicate: isNotSupported, yes: [95, 97, 93], no: [22] },
  { predicate: mayBeUnknown, yes: [2, 22, 93, 95, 97], no: [12, 16, 105] },
  { predicate: isAddressInUse, yes: [98], no: [99] },
  { predicate: isNotPermitted, yes: [1], no: [13] },
]) {
  test(`${predicate.name}() knows its error numbers and nothing else`, () => {
    for (const errno of yes) assert.equal(predicate(new NetlinkError({ errno, what })), true, `${errno}`);
    for (const errno of no) assert.equal(predicate(new NetlinkError({ errno, what })), false, `${errno}`);
    assert.equal(predicate(Object.assign(new Error("other"), { code: "EEXIST" })), false);
    assert.equal(predicate(undefined), false);
  });
}
