import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EVENT_ACTIONS } from "../../kube/self/event-reasons.ts";
import { logMessages } from "./log-messages.ts";

const AGENT = join(import.meta.dirname, "../..");
const DOCUMENT = join(AGENT, "../docs/warnings.md");

/**
 * Where a message comes from elsewhere: what can stand there. Each must begin as some text of the source
 * does.
 */
const INDIRECT: Readonly<Record<string, readonly string[]>> = {
  // Faults of what follows the Kubernetes API, or writes to it.
  "fault.text": [
    "Cannot list …",
    "Cannot watch …",
    "Cannot create event: …",
    "Cannot set the Node's condition NetworkUnavailable: …",
    "Cannot publish the WireGuard key of this Node: …",
    "Cannot withdraw the WireGuard key of this Node: …",
  ],
  // Subjects of lists of problems.
  "…: …": [
    "Other nodes: …",
    "Foreign firewall rules may drop pod traffic: …",
    "Network policies: …",
    "Pods isolated because the API has not delivered their objects: …",
    "Runtimes load another CNI configuration, which sorts before ours: …",
  ],
  "…: more problems of this kind": ["…: more problems of this kind"],
  note: ['Annotation "…" of … is ignored: …'],
  // Of Node.js, as it puts it; and what only hands a message on.
  message: [],
  "Served CNI request": [],
};

const sources = globSync("**/*.ts", { cwd: AGENT })
  .filter((path) => !/(?:^|\/)test(?:ing)?\/|\.test\.ts$/.test(path))
  .map((path) => readFileSync(join(AGENT, path), "utf8"));

/** First column of every table row of the document: of the section about Events, or of all others. */
function documented(of: "Events" | "log"): readonly string[] {
  const sections = readFileSync(DOCUMENT, "utf8").split(/^(?=## )/m);
  const text = sections.filter((section) => section.startsWith("## Events") === (of === "Events")).join("");
  return [...text.matchAll(/^\| `(.+?)` \|/gm)].map(([, message = ""]) => message);
}

const compare = (one: string, other: string): number => one.localeCompare(other);

test("docs/warnings.md has every warning and error that the agent can log, and no other", () => {
  const direct = sources.flatMap(logMessages);
  assert.ok(direct.length > 20, "the calls are found");
  const messages = new Set(direct.flatMap((message) => INDIRECT[message] ?? [message]));
  assert.deepEqual(documented("log").toSorted(compare), [...messages].toSorted(compare));
});

test("docs/warnings.md has every Event's reason, in CamelCase, and no other", () => {
  const reasons = Object.keys(EVENT_ACTIONS);
  assert.deepEqual(documented("Events").toSorted(compare), reasons.toSorted(compare));
  for (const word of [...reasons, ...Object.values(EVENT_ACTIONS)]) assert.match(word, /^(?:[A-Z]+[a-z]*)+$/);
});

test("messages from elsewhere begin as some text of the source does", () => {
  const all = sources.join("\n");
  for (const message of Object.values(INDIRECT).flat()) {
    const start = message.replace(/^Cannot (?:list|watch) .*/, "Cannot $").split(/[…:]/)[0] ?? "";
    assert.ok(all.includes(start), message);
  }
});

test("logMessages() reads texts, choices, templates and expressions", () => {
  const source = `
    log.warn({ a, b: f(1, "x") }, "Plain, with a comma");
    log.error({}, \`Cannot find "\${name}": gone\`);
    log.warn({ part }, kind === "part" ? "Not ready" : "Warning");
    this.log.warn(
      {},
      fault.text,
    );
    log.info({}, "No warning");
  `;
  assert.deepEqual(logMessages(source), [
    "Plain, with a comma",
    'Cannot find "…": gone',
    "Not ready",
    "Warning",
    "fault.text",
  ]);
});
