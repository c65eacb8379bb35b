import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeKey } from "../../testing/cluster/fake-wireguard.ts";
import fc from "fast-check";
import { stringify } from "yaml";
import { anyText } from "../../testing/any-text.ts";
import { isThorough } from "../../testing/thorough.ts";
import {
  type KnownEntries,
  type NodesFile,
  type ParsedNodesFile,
  parseNodesFile as parseInTurns,
} from "./parse-nodes-file.ts";
import { assertShortTurns } from "../../testing/turn-clock.ts";

const parse = (text: string, known?: KnownEntries): Promise<ParsedNodesFile> =>
  parseInTurns(text, { ...(known === undefined ? {} : { known }), breathe: () => Promise.resolve() });

async function parseNodesFile(text: string): Promise<NodesFile> {
  const { known: _known, ...file } = await parse(text);
  return file;
}

test("parseNodesFile() reads nodes in canonical text; lists may be left out", async () => {
  const text = `
- name: a
  addresses: [192.0.2.1, "2001:DB8::1"]
  podCIDRs: [10.244.0.0/24, "fd00:10:244:0::/64"]
- {name: b}
`;
  assert.deepEqual(await parseNodesFile(text), {
    kind: "valid",
    nodes: new Map([
      [
        "a",
        {
          name: "a",
          uid: "a",
          createdMs: 0,
          addresses: ["192.0.2.1", "2001:db8::1"],
          podCIDRs: ["10.244.0.0/24", "fd00:10:244::/64"],
        },
      ],
      ["b", { name: "b", uid: "b", createdMs: 0, addresses: [], podCIDRs: [] }],
    ]),
  });
});

test("parseNodesFile() reads a node's WireGuard key, and says what is wrong with it", async () => {
  const publicKey = fakeKey("a");
  const read = await parseNodesFile(`- {name: a, wireguard: {publicKey: "${publicKey}", port: 51820}}`);
  assert.deepEqual(read.kind === "valid" && read.nodes.get("a")?.wireguard, { publicKey, port: 51_820 });
  const { faults } = (await parseNodesFile("- {name: a, wireguard: yes}")) as { faults?: string[] };
  assert.deepEqual(faults, ['[0].wireguard: "yes" is not an object']);
});

const cases: readonly { readonly name: string; readonly text: string; readonly faults: readonly string[] }[] =
  [
    {
      name: "reports all faults with key and value",
      text: `
- name: Not_A_Name
  addresses: [192.0.2.1/24]
- name: b
  podCIDRs: [10.244.0.1/24]
  podCIDR: 10.244.0.0/24
- 7
- name: b
  addresses: 192.0.2.1
`,
      faults: [
        '[0].addresses[0] "192.0.2.1/24" is not an IP address',
        '[0].name "Not_A_Name" is not a node name',
        '[1].podCIDR "10.244.0.0/24" is not a known key',
        '[1].podCIDRs[0] "10.244.0.1/24" is not a prefix such as "10.244.1.0/24", without host bits',
        "[2] 7 is not an object",
        '[3].addresses "192.0.2.1" is not a list',
        '[3].name "b" is there twice',
      ],
    },
    {
      name: "refuses a prefix that two nodes claim",
      text: "[{name: a, podCIDRs: [10.1.0.0/24]}, {name: b, podCIDRs: [10.1.0.0/24]}]",
      faults: ['[1].podCIDRs "10.1.0.0/24" belongs to node "a" already'],
    },
    {
      name: "refuses an empty file: so looks one that is being written",
      text: "",
      faults: ["null is not a list of {name, addresses: [], podCIDRs: []}"],
    },
    {
      name: "refuses an object",
      text: "name: a",
      faults: ['{"name":"a"} is not a list of {name, addresses: [], podCIDRs: []}'],
    },
    {
      name: "says where the YAML breaks",
      text: "- name: a\n  addresses: [192.0.2.1",
      faults: [
        "it is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 24",
      ],
    },
  ];
for (const { name, text, faults } of cases)
  test(`parseNodesFile() ${name}`, async () =>
    assert.deepEqual(await parseNodesFile(text), { kind: "faulty", faults }));

test("parseNodesFile() takes an empty list", async () => {
  assert.deepEqual(await parseNodesFile("[]"), { kind: "valid", nodes: new Map() });
});

test("parseNodesFile() answers any text and any YAML, circular and exploding ones included", async () => {
  const bomb = [
    "a: &a [x, x]",
    ...["b", "c", "d", "e", "f"].map(
      (key, index) => `${key}: &${key} [${Array.from({ length: 9 }, () => `*${"abcde"[index]}`).join(", ")}]`,
    ),
  ];
  for (const text of ["&a [*a]", "- &a {name: *a}", bomb.join("\n")])
    assert.equal((await parseNodesFile(text)).kind, "faulty", text);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        anyText,
        fc.jsonValue().map((value) => stringify(value)),
      ),
      async (text) => {
        const file = await parseNodesFile(text);
        assert.ok(file.kind === "valid" || file.faults.length > 0);
      },
    ),
  );
});

const FILE = `# the nodes
---
- name: a
  podCIDRs: [10.1.0.0/24]   # the first
-
  name: b
  addresses:
    - 192.0.2.1

- {name: c,
   podCIDRs: [10.1.2.0/24]}
`;

test("parseNodesFile() reads entry by entry what it reads as a whole", async () => {
  const whole = `${FILE}# & keeps a file whole\n`;
  const { nodes } = (await parse(FILE)) as { nodes?: ReadonlyMap<string, unknown> };
  assert.deepEqual([...(nodes?.keys() ?? [])], ["a", "b", "c"]);
  assert.deepEqual(await parseNodesFile(FILE), await parseNodesFile(whole));
});

test("one changed line of a nodes file costs one entry: what stays the same stays the same object", async () => {
  const names = Array.from({ length: 500 }, (_, index) => `n${index}`);
  const text = (changed: string): string =>
    names
      .map(
        (name, index) =>
          `- name: ${name}\n  addresses: [${name === changed ? "192.0.2.9" : `10.0.${index >> 8}.${index & 255}`}]\n`,
      )
      .join("");
  const first = await parse(text(""));
  const second = await parse(text("n7"), first.known);
  assert.ok(first.kind === "valid" && second.kind === "valid");
  const changed = names.filter((name) => first.nodes.get(name) !== second.nodes.get(name));
  assert.deepEqual(changed, ["n7"]);
});

const LARGE = Array.from({ length: isThorough ? 5000 : 1500 }, (_, index) => ({
  name: `node-${index}`,
  addresses: [`172.16.${index >> 8}.${index & 255}`, `fd01::${index.toString(16)}`],
  podCIDRs: [`10.${index >> 8}.${index & 255}.0/24`, `fd00:1:${index.toString(16)}::/64`],
}));

for (const { name, text } of [
  { name: "YAML", text: stringify(LARGE) },
  { name: "YAML with line ends of Windows", text: stringify(LARGE).replaceAll("\n", "\r\n") },
  { name: "JSON", text: JSON.stringify(LARGE) },
]) {
  test(`a nodes file of ${LARGE.length} entries keeps nothing else waiting: ${name}`, () =>
    assertShortTurns(() => async (breathe) => {
      const first = await parseInTurns(text, { breathe });
      await breathe();
      const again = await parseInTurns(text.replace("10.3.7.0/24", "10.99.7.0/24"), {
        known: first.known,
        breathe,
      });
      await breathe();
      assert.ok(
        again.kind === "valid" && again.nodes.size === LARGE.length,
        JSON.stringify(again).slice(0, 200),
      );
    }));
}

test("a fault of one entry of many is told with the line of the file", async () => {
  const text = "- name: a\n- name: b\n- name: [\n- name: d\n";
  const file = await parseNodesFile(text);
  assert.ok(file.kind === "faulty");
  assert.match(file.faults.join(), /at line [34],/);
});
