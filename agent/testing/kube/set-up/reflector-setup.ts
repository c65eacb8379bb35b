import type { TestContext } from "node:test";
import { createNodeReflector } from "../../../kube/nodes/node-reflector.ts";
import type { NodeView } from "../../../kube/nodes/node-view.ts";
import type { ApiServer } from "../api-server.ts";
import { eventually } from "../../machine/eventually.ts";
import type { FakeClock } from "../../fake-clock.ts";
import { startTestApi, type TestApiOptions } from "./test-api.ts";
import type { RecordingLog } from "../../recording-log.ts";

/** A reflector of a local API server, on a clock that only moves when told. */
export interface ReflectorSetup {
  readonly server: ApiServer;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly view: NodeView;
  readonly folder: string;
  changes: number;
  /** Waits until an attempt has ended since the last `retry`. */
  attemptEnd(): Promise<void>;
  /** Waits for the end of an attempt, and goes past the wait that follows it. */
  retry(): Promise<void>;
}

export interface ReflectorSetupOptions extends TestApiOptions {
  readonly onChange?: (view: NodeView) => void;
}

const LONGEST_WAIT_MS = 30_000;

/** Starts both; the test ends them. */
export async function setUpReflector(
  t: TestContext,
  { onChange, ...options }: ReflectorSetupOptions = {},
): Promise<ReflectorSetup> {
  const api = await startTestApi(options);
  const { server, client, clock, log, folder } = api;
  const setup = { server, clock, log, folder, changes: 0, attemptEnd, retry };
  const view = createNodeReflector({
    client,
    nodeName: "node-1",
    onChange() {
      setup.changes++;
      onChange?.(view);
    },
    log,
    clock,
    random: () => 0.5,
  });
  let attempts = 0;
  async function attemptEnd(): Promise<void> {
    await eventually("an attempt ended", () => view.stats().watchRestarts > attempts);
  }
  async function retry(): Promise<void> {
    await attemptEnd();
    attempts = view.stats().watchRestarts;
    await clock.advance(LONGEST_WAIT_MS);
  }
  t.after(async () => {
    await view.close();
    await api.close();
  });
  return Object.assign(setup, { view });
}

/** Node number `index`, with an address and a prefix of its own. */
export function node(
  index: number,
  more: object = {},
): { name: string; addresses: string[]; podCIDRs: string[] } {
  const low = `${Math.floor(index / 250)}.${index % 250}`;
  return { name: `node-${index}`, addresses: [`192.0.${low}`], podCIDRs: [`10.${low}.0/24`], ...more };
}

export const putNodes = (count: number) => (server: ApiServer) => {
  for (let index = 1; index <= count; index++) server.store.put(node(index));
};

/** A streamed list is a watch, too: the server has it before the view has all objects. */
export const watching = ({ server, view }: ReflectorSetup): Promise<void> =>
  eventually(
    "a watch is open",
    () => server.watchers() === 1 && view.isComplete(),
    () => server.requests,
  );

export const lists = ({ server }: ReflectorSetup): number =>
  server.requests.filter(({ verb }) => verb === "list").length;

export const cidrsOf = ({ view }: ReflectorSetup, name: string): readonly string[] | undefined =>
  view.nodes().get(name)?.podCIDRs;
