import type { Family } from "../../net/address.ts";
import { RTN_MULTICAST } from "../../netlink/constants.ts";
import type { Outcome } from "../../netlink/message/message.ts";
import { getRoute, parseRoute, type Route } from "../../netlink/route/route.ts";
import type { RouteAnswer } from "../../plan/node/underlay.ts";
import type { NetlinkClient } from "./netlink-client.ts";

/**
 * Addresses that lead out of the cluster: one in each eighth of the unicast space, and the last one, which
 * nobody has, for the default route. A table without a default route has specific ones instead, perhaps a
 * million of them, which are not read for this.
 */
export const OUTSIDE: Readonly<Record<Family, readonly string[]>> = {
  4: [1, 33, 65, 97, 129, 161, 193].map((first) => `${first}.0.0.1`).concat("255.255.255.254"),
  6: ["2001:200::1", "2400::1", "2600::1", "2800::1", "2a00::1", "2c00::1", "3fff:ffff::1"],
};

/**
 * Asks the kernel for its routes to addresses, all at once: the entries that decide, with all their next
 * hops. In place of an answer stands the name of the error, as "ENETUNREACH".
 */
export async function lookUpRoutes(
  rtnetlink: NetlinkClient,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, RouteAnswer | string>> {
  const entries = await ask(rtnetlink, addresses, "entry");
  const answers = new Map<string, RouteAnswer | string>();
  const opaque: string[] = [];
  for (const [address, entry] of entries) {
    if (typeof entry !== "string" && isOpaque(entry)) opaque.push(address);
    answers.set(address, typeof entry === "string" ? entry : answerOf(entry));
  }
  // Of a nexthop object the kernel may tell no more than the number: then its choice for the one packet has
  // to do.
  for (const [address, route] of await ask(rtnetlink, opaque, "lookup"))
    answers.set(address, typeof route === "string" ? route : answerOf(route));
  return answers;
}

async function ask(
  rtnetlink: NetlinkClient,
  addresses: readonly string[],
  kind: "entry" | "lookup",
): Promise<ReadonlyMap<string, Route | string>> {
  if (addresses.length === 0) return new Map();
  const requests = addresses.map((destination) => getRoute({ destination }, kind));
  const outcomes = (await rtnetlink.tryExecute([{ requests }])).flat();
  return new Map(addresses.map((address, index) => [address, readAnswer(outcomes[index])]));
}

function readAnswer(outcome: Outcome | undefined): Route | string {
  if (outcome?.status === "failed") return outcome.error.code;
  const reply = outcome?.status === "done" ? outcome.replies[0] : undefined;
  if (reply === undefined) return "ENETUNREACH";
  const route = parseRoute(reply.payload);
  // IPv6 answers with the route that leads nowhere, IPv4 with an error.
  return route.type > RTN_MULTICAST ? "EHOSTUNREACH" : route;
}

function isOpaque({ linkIndex, nextHops, nextHopId }: Route): boolean {
  return nextHopId !== undefined && linkIndex === undefined && nextHops.length === 0;
}

function answerOf({ type, linkIndex, gateway, nextHops }: Route): RouteAnswer {
  if (nextHops.length > 0) return { type, hops: nextHops };
  return { type, hops: linkIndex === undefined ? [] : [{ linkIndex, gateway }] };
}
