import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CniError } from "../cni-error.ts";
import { decodeRequestFrame, encodeReplyFrame, encodeRequestFrame, type RequestFrame } from "./frame.ts";
import { NO_SETTINGS } from "../../plan/pods/pod-settings.ts";
import { parseRequest } from "./request.ts";

const STARTED = { startedNs: 123_456_789n };

const conf = JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway" });
const add = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/c1",
  CNI_IFNAME: "eth0",
  CNI_ARGS: "IgnoreUnknown=1",
};

function frameOf(environment: Readonly<Record<string, string>>, stdin = conf): RequestFrame {
  return decodeRequestFrame(encodeRequestFrame(environment, stdin, STARTED));
}

function failure(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CniError, String(error));
    return { code: error.code, message: error.message };
  }
  return assert.fail("did not fail");
}

test("parseRequest() understands an ADD", () => {
  const request = parseRequest(frameOf(add), [7, 8]);
  assert.ok(request.command === "ADD");
  const { config, runtimeConfig, ...rest } = request;
  assert.deepEqual(runtimeConfig, {
    pod: undefined,
    addresses: new Map(),
    mac: undefined,
    defaultRoute: undefined,
    settings: NO_SETTINGS,
  });
  assert.deepEqual(rest, {
    command: "ADD",
    containerId: "c1",
    ifname: "eth0",
    netns: "/run/netns/c1",
    fds: { netns: 7, rtnetlink: 8 },
  });
  assert.equal(config.name, "causeway");
});

for (const { name, variables } of [
  { name: "a container ID that is too long", variables: { CNI_CONTAINERID: "c".repeat(101) } },
  { name: "a container ID with a slash", variables: { CNI_CONTAINERID: "../c1" } },
  { name: "an interface name that is too long", variables: { CNI_IFNAME: "e".repeat(16) } },
]) {
  test(`parseRequest() takes a DEL with ${name}: ADD refused it, and the pod must not stay Terminating`, () => {
    const environment = { ...add, CNI_COMMAND: "DEL", ...variables };
    const request = parseRequest(frameOf(environment), []);
    assert.equal(request.command, "DEL");
    assert.equal(
      failure(() => parseRequest(frameOf({ ...environment, CNI_COMMAND: "ADD" }), [7, 8])).code,
      4,
    );
  });
}

test("parseRequest() understands a DEL with CNI_NETNS set but empty, as containerd sends it", () => {
  const request = parseRequest(frameOf({ ...add, CNI_COMMAND: "DEL", CNI_NETNS: "" }), []);
  assert.equal(request.command, "DEL");
});

const required = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"] as const;
for (const { name, environment, stdin, code, message } of [
  {
    name: "all missing variables in one error",
    environment: { CNI_COMMAND: "ADD" },
    code: 4,
    message: `Required CNI variables are missing: ${required.join(", ")}`,
  },
  {
    name: "no command",
    environment: {},
    code: 4,
    message: "Required CNI variables are missing: CNI_COMMAND",
  },
  {
    name: "an unknown command",
    environment: { ...add, CNI_COMMAND: "PLAY" },
    code: 4,
    message: 'Cannot use CNI_COMMAND "PLAY": supported values are ADD, CHECK, DEL, GC, STATUS, VERSION',
  },
  {
    name: "a container ID with a slash",
    environment: { ...add, CNI_CONTAINERID: "../c1" },
    code: 4,
    message: 'Cannot use CNI_CONTAINERID "../c1": it does not match ^[a-zA-Z0-9][a-zA-Z0-9_.-]*$',
  },
  {
    name: "an interface name of 16 characters",
    environment: { ...add, CNI_IFNAME: "a".repeat(16) },
    code: 4,
    message:
      'Cannot use CNI_IFNAME "aaaaaaaaaaaaaaaa": it does not match ^(?!\\.{1,2}$)[!-$&-.0-9;-~]{1,15}$',
  },
  {
    name: "empty stdin",
    environment: add,
    stdin: "",
    code: 6,
    message: "Cannot parse network configuration on stdin: it is empty",
  },
  {
    name: "a JSON list",
    environment: add,
    stdin: "[]",
    code: 6,
    message: "Cannot parse network configuration on stdin: it is not a JSON object",
  },
  {
    name: "an unknown version",
    environment: add,
    stdin: '{"cniVersion":"9.9.9","name":"n"}',
    code: 1,
    message:
      'Cannot use cniVersion "9.9.9": supported values are 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0',
  },
  {
    name: "a name with a blank",
    environment: add,
    stdin: '{"cniVersion":"1.0.0","name":"a b"}',
    code: 7,
    message: 'Cannot use name "a b": a network name is letters, digits, "_", "." and "-"',
  },
  {
    name: "no name",
    environment: add,
    stdin: '{"cniVersion":"1.0.0"}',
    code: 7,
    message: 'Cannot use name undefined: a network name is letters, digits, "_", "." and "-"',
  },
]) {
  test(`parseRequest() refuses ${name} with code ${code}`, () => {
    assert.deepEqual(
      failure(() => parseRequest(frameOf(environment, stdin), [7, 8])),
      { code, message },
    );
  });
}

const HUGE = "x".repeat(1_000_000);

function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

function withKey(key: string, value: string): string {
  return conf.replace("}", `,"${key}":${value}}`);
}

for (const { name, environment = {}, stdin = conf, code } of [
  { name: "a container ID", environment: { CNI_CONTAINERID: HUGE }, code: 4 },
  { name: "an interface name", environment: { CNI_IFNAME: HUGE }, code: 4 },
  { name: "a command", environment: { CNI_COMMAND: HUGE }, code: 4 },
  { name: "a MAC address of CNI_ARGS", environment: { CNI_ARGS: `MAC=${HUGE}` }, code: 7 },
  { name: "a version", stdin: `{"cniVersion":"${HUGE}","name":"n"}`, code: 1 },
  { name: "a network name", stdin: `{"cniVersion":"1.0.0","name":"${HUGE}"}`, code: 7 },
  { name: "a network name of other characters", stdin: `{"cniVersion":"1.0.0","name":"-${HUGE}"}`, code: 7 },
  { name: "a dns that is text", stdin: withKey("dns", `"${HUGE}"`), code: 7 },
  { name: "an address", stdin: withKey("runtimeConfig", `{"ips":["${HUGE}"]}`), code: 7 },
  { name: "no JSON", stdin: HUGE, code: 6 },
]) {
  test(`parseRequest() refuses ${name} of 1 MB in a line that a log can bear`, () => {
    const frame = frameOf({ ...add, ...environment }, stdin);
    const told = failure(() => parseRequest(frame, [7, 8]));
    assert.equal(told.code, code);
    assert.ok(told.message.length < 500, `${told.message.length} characters`);
  });
}

test("decodeRequestFrame() names an entry of the environment that is no pair, and not 1 MB of it", () => {
  const frame = encodeRequestFrame({}, conf);
  const wrong = Buffer.concat([frame, Buffer.from(`${HUGE}\0`)]);
  wrong.writeUInt32BE(HUGE.length + 1, 12);
  wrong.fill("x", 24, 24 + HUGE.length);
  wrong[24 + HUGE.length] = 0;
  assert.ok(failure(() => decodeRequestFrame(wrong)).message.length < 500);
});

for (const [where, stdin] of [
  ["a key of somebody else", withKey("other", nested(400_000))],
  ["dns", withKey("dns", `{"options":${nested(400_000)}}`)],
  ["addresses", withKey("runtimeConfig", `{"ips":${nested(400_000)}}`)],
  ["its version", `{"name":"n","cniVersion":${nested(400_000)}}`],
  ["objects", withKey("other", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)],
  ["a list that never ends", "[".repeat(1_000_000)],
] as const) {
  test(`parseRequest() refuses a configuration that is nested endlessly in ${where}, by name`, () => {
    const frame = frameOf(add, stdin);
    assert.deepEqual(
      failure(() => parseRequest(frame, [7, 8])),
      {
        code: 6,
        message: "Cannot parse network configuration on stdin: it is nested more than 1000 deep",
      },
    );
  });
}

test("parseRequest() counts no brackets in texts as depth, and takes a configuration of 1 MB", () => {
  const text = `\\\\\\"${"[{".repeat(250_000)}`;
  const lists = `[${Array.from({ length: 50_000 }, () => "[[1]]").join()}]`;
  const stdin = withKey("other", `{"text":"${text}","lists":${lists},"deep":${nested(900)}}`);
  assert.equal(parseRequest(frameOf(add, stdin), [7, 8]).command, "ADD");
});

test("parseRequest() refuses a network name for which the alias of the pod's link has no room, and takes the longest", () => {
  const request = (length: number) => {
    const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "n".repeat(length), type: "causeway" });
    return parseRequest(frameOf({ ...add, CNI_CONTAINERID: "c".repeat(64) }, stdin), [7, 8]);
  };
  assert.equal(request(118).command, "ADD");
  assert.deepEqual(
    failure(() => request(119)),
    {
      code: 7,
      message: `Cannot use name "${"n".repeat(119)}": container ID and interface name leave room for 118 characters`,
    },
  );
});

for (const ifname of [".", "..", "a/b", "a:b", "a b", "eth%d", "ü0", "e\u001b[1m"]) {
  test(`parseRequest() refuses the interface name ${JSON.stringify(ifname)}`, () => {
    assert.equal(failure(() => parseRequest(frameOf({ ...add, CNI_IFNAME: ifname }), [7, 8])).code, 4);
  });
}

for (const { command, version, since } of [
  { command: "CHECK", version: "0.3.1", since: "0.4.0" },
  { command: "GC", version: "1.0.0", since: "1.1.0" },
  { command: "STATUS", version: "1.0.0", since: "1.1.0" },
]) {
  test(`parseRequest() refuses ${command} below ${since} with code 1`, () => {
    const frame = frameOf({ ...add, CNI_COMMAND: command }, conf.replace("1.0.0", version));
    assert.deepEqual(
      failure(() => parseRequest(frame, [7, 8])),
      {
        code: 1,
        message: `Cannot serve ${command}: it needs cniVersion ${since} or later, not "${version}"`,
      },
    );
  });
}

test("parseRequest() refuses an ADD without descriptors", () => {
  assert.equal(failure(() => parseRequest(frameOf(add), [])).code, 5);
});

test("parseRequest() refuses truncated JSON with code 6", () => {
  assert.equal(failure(() => parseRequest(frameOf(add, conf.slice(0, -1)), [7, 8])).code, 6);
});

test("decodeRequestFrame() tells both versions when the shim speaks another: an upgrade is under way", () => {
  assert.deepEqual(
    failure(() => decodeRequestFrame(encodeRequestFrame(add, conf, { version: 2 }))),
    {
      code: 11,
      message: "Cannot read request: shim speaks protocol 2, agent 1",
    },
  );
});

test("decodeRequestFrame() reads back start time, environment and stdin", () => {
  const { startedNs, environment, stdin } = frameOf({ A: "b=c", E: "" }, "x");
  assert.equal(startedNs, 123_456_789n);
  assert.deepEqual(
    [...environment],
    [
      ["A", "b=c"],
      ["E", ""],
    ],
  );
  assert.equal(stdin, "x");
});

test("decodeRequestFrame() and parseRequest() answer any bytes with a CniError or a request", () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc
      .tuple(fc.dictionary(fc.string(), fc.string()), fc.string(), fc.nat(400))
      .map(([environment, stdin, cut]) => {
        const whole = encodeRequestFrame({ ...add, ...environment }, stdin);
        return whole.subarray(0, Math.max(0, whole.length - cut));
      }),
  );
  fc.assert(
    fc.property(frame, (bytes) => {
      try {
        parseRequest(decodeRequestFrame(bytes), [7, 8]);
      } catch (error) {
        assert.ok(error instanceof CniError, String(error));
      }
    }),
  );
});

test("encodeReplyFrame() writes magic, length, version, exit code and stdout", () => {
  const frame = encodeReplyFrame({ exitCode: 1, stdout: "é" });
  assert.equal(
    frame.toString("hex"),
    `${Buffer.from("CWAY").toString("hex")}000000060001 0001c3a9`.replace(" ", ""),
  );
});
