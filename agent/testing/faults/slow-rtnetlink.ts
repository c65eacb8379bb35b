import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import type { NetlinkRequest, Outcome } from "../../netlink/message/message.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";

/** Requests that wait for their answer. */
export interface SlowCall {
  readonly asked: readonly string[];
  /** Refuses all of them; 0: they are done, and get this payload each. */
  readonly answer: (errno: number, payload?: Buffer) => void;
}

/** A kernel that answers each batch when it is told to. */
export function createSlowRtnetlink(): { readonly rtnetlink: NetlinkClient; readonly calls: SlowCall[] } {
  const calls: SlowCall[] = [];
  const unused = () => Promise.reject(new Error("not asked"));
  const tryExecute: NetlinkClient["tryExecute"] = (steps) =>
    new Promise((resolve) => {
      const requests = steps.flatMap(({ requests: list }) => ("bytes" in list ? [] : list));
      calls.push({
        asked: requests.map(({ what }) => what),
        answer: (errno, payload) => resolve([requests.map((request) => outcomeOf(request, errno, payload))]),
      });
    });
  return {
    rtnetlink: {
      tryExecute,
      execute: unused,
      dump: unused,
      walk: unused,
      withSocket: unused,
      close: () => undefined,
    },
    calls,
  };
}

function outcomeOf({ what, type }: NetlinkRequest, errno: number, payload: Buffer | undefined): Outcome {
  if (errno !== 0) return { status: "failed", error: new NetlinkError({ errno, what }) };
  const replies = payload === undefined ? [] : [{ type, flags: 0, seq: 1, port: 0, payload }];
  return { status: "done", replies, interrupted: false };
}

/** What runs without waiting for an answer has run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
