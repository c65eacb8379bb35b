import { getLink } from "../../netlink/link/link.ts";
import { isNotFound } from "../../netlink/message/netlink-error.ts";
import { type Link, parseLink } from "../../netlink/link/parse-link.ts";
import type { NetlinkRequest, Outcome } from "../../netlink/message/message.ts";
import type { NetlinkClient } from "./netlink-client.ts";

/** The answer to a question about one thing; undefined when there is no such thing. */
export async function readOne<T>(
  rtnetlink: NetlinkClient,
  request: NetlinkRequest,
  parse: (payload: Buffer) => T,
  socket?: number,
): Promise<T | undefined> {
  const [outcome] = (await rtnetlink.tryExecute([{ socket, requests: [request] }])).flat();
  return readOutcome(outcome, parse);
}

/** What one question was answered; undefined when there is no such thing. Throws any other refusal. */
export function readOutcome<T>(outcome: Outcome | undefined, parse: (payload: Buffer) => T): T | undefined {
  if (outcome?.status === "failed" && !isNotFound(outcome.error)) throw outcome.error;
  const reply = outcome?.status === "done" ? outcome.replies[0] : undefined;
  return reply === undefined ? undefined : parse(reply.payload);
}

/** The links of these names, in their order; undefined where there is none. */
export async function findLinks<T>(
  rtnetlink: Pick<NetlinkClient, "tryExecute">,
  names: readonly string[],
  parse: (payload: Buffer) => T,
): Promise<readonly (T | undefined)[]> {
  if (names.length === 0) return [];
  const outcomes = (await rtnetlink.tryExecute([{ requests: names.map(getLink) }])).flat();
  return outcomes.map((outcome) => readOutcome(outcome, parse));
}

/** The link of that name, or undefined. */
export function findLink(rtnetlink: NetlinkClient, name: string, socket?: number): Promise<Link | undefined> {
  return readOne(rtnetlink, getLink(name), parseLink, socket);
}
