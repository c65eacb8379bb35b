import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { BUILDS } from "./builds.ts";
import { assertSilentSuccess, type Environment, errorOf, runShim } from "./run-shim.ts";

const CONFIG = '{"cniVersion":"0.4.0","name":"n","type":"causeway","socket":"/nonexistent/agent.sock"}';
const ALL: Environment = { CNI_CONTAINERID: "c1", CNI_NETNS: "/nonexistent/netns", CNI_IFNAME: "eth0" };
const VARIABLES = Object.keys(ALL);
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  ADD: VARIABLES,
  CHECK: VARIABLES,
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
};
const SUPPORTED = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/** Every choice of the variables. */
const CHOICES = Array.from({ length: 2 ** VARIABLES.length }, (_, bits) =>
  VARIABLES.filter((_name, place) => (bits & (1 << place)) !== 0),
);

for (const { name, shim } of BUILDS) {
  const run = (environment: Environment, stdin = CONFIG) => runShim({ command: [shim], environment, stdin });

  suite(name, { concurrency: 2 }, () => {
    for (const [command, needed] of Object.entries(NEEDED)) {
      for (const given of CHOICES) {
        const missing = needed.filter((variable) => !given.includes(variable));
        if (missing.length === 0) continue;
        for (const emptied of [false, true]) {
          const title = `${command} names ${missing.join(", ")} when ${emptied ? "empty" : "not set"}`;
          test(title, async () => {
            const environment: Record<string, string> = { CNI_COMMAND: command };
            for (const variable of given) environment[variable] = ALL[variable]!;
            if (emptied) for (const variable of missing) environment[variable] = "";
            const error = errorOf(await run(environment));
            assert.deepEqual(error, {
              cniVersion: "0.4.0",
              code: 4,
              msg: `Required CNI variables are missing: ${missing.join(", ")}`,
              details: "causeway shim 0.1.0",
            });
          });
        }
      }
    }

    for (const command of [
      "FOO",
      "add",
      "ADD ",
      'A"\\\n',
      "\u00e9\u{1f600}",
      "\u0001\u000f\u0010\u001f\u007f",
    ]) {
      test(`an unknown command is refused: ${JSON.stringify(command)}`, async () => {
        const error = errorOf(await run({ ...ALL, CNI_COMMAND: command }));
        const msg = `Cannot use CNI_COMMAND "${command}": supported are ADD, DEL, CHECK, GC, STATUS, VERSION`;
        assert.deepEqual([error.code, error.msg], [4, msg]);
      });
    }

    for (const environment of [{}, { CNI_COMMAND: "" }, { ...ALL, CNI_COMMAND: "" }]) {
      test(`without a command it tells what it is: ${JSON.stringify(environment)}`, async () => {
        const answer = await run(environment);
        assertSilentSuccess(answer);
        assert.match(answer.stderr, /^causeway 0\.1\.0: CNI plugin/);
      });
    }

    for (const { asked, want } of [
      ...SUPPORTED.map((version) => ({ asked: `{"cniVersion":"${version}"}`, want: version })),
      { asked: '{"cniVersion":"9.9.9"}', want: "1.1.0" },
      { asked: '{"cniVersion":110}', want: "1.1.0" },
      { asked: "{}", want: "1.1.0" },
      { asked: "", want: "1.1.0" },
      { asked: "\0\xff garbage", want: "1.1.0" },
      { asked: " ".repeat(2 * 1024 * 1024), want: "1.1.0" },
    ]) {
      test(`VERSION answers ${JSON.stringify(asked.slice(0, 30))} with ${want}`, async () => {
        const dummies = { CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_PATH: "dummy" };
        const answer = await run({ CNI_COMMAND: "VERSION", ...dummies }, asked);
        assert.deepEqual([answer.exitCode, answer.stderr], [0, ""]);
        assert.deepEqual(JSON.parse(answer.stdout), { cniVersion: want, supportedVersions: SUPPORTED });
      });
    }
  });
}
