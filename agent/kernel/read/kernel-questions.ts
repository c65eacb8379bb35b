import type { RouteLookup } from "../../netlink/route/route-lookup.ts";
import { readOne } from "../socket/read-one.ts";
import type { NetlinkClient } from "../socket/netlink-client.ts";
import {
  type FdbEntry,
  getFdbEntry,
  getNeighbour,
  type ObservedFdbEntry,
  type ObservedNeighbour,
  parseFdbEntry,
  parseNeighbour,
} from "../../netlink/route/neighbour.ts";
import { NetlinkError } from "../../netlink/message/netlink-error.ts";
import { getRoute, parseRoute, type Route, type RouteQuestion } from "../../netlink/route/route.ts";
import { findBlockingRoute } from "./find-blocking-route.ts";

/** Questions about single things, which cost the same on a node with thousands of them. */
export interface KernelQuestions {
  lookUpRoute(question: RouteQuestion): Promise<RouteLookup>;
  /** The table entry behind a way; undefined when there is none. */
  entry(question: RouteQuestion): Promise<Route | undefined>;
  neighbour(linkIndex: number, address: string): Promise<ObservedNeighbour | undefined>;
  fdbEntry(question: Omit<FdbEntry, "destination">): Promise<ObservedFdbEntry | undefined>;
}

/** RTN_MULTICAST of linux/rtnetlink.h: what comes after is refused. */
const LAST_REACHABLE = 5;

export function createKernelQuestions(rtnetlink: NetlinkClient): KernelQuestions {
  const ask = async (question: RouteQuestion, kind: "lookup" | "entry"): Promise<Route | NetlinkError> => {
    const [outcome] = (await rtnetlink.tryExecute([{ requests: [getRoute(question, kind)] }])).flat();
    if (outcome?.status === "failed") return outcome.error;
    const reply = outcome?.status === "done" ? outcome.replies[0] : undefined;
    if (reply === undefined) throw new Error(`Cannot find a route to ${question.destination}: no answer`);
    return parseRoute(reply.payload);
  };
  return {
    async lookUpRoute(question) {
      const answer = await ask(question, "lookup");
      if (!(answer instanceof NetlinkError)) {
        const { type, linkIndex, gateway, mtu } = answer;
        // IPv6 answers with the route that leads nowhere, IPv4 with an error.
        if (type <= LAST_REACHABLE) return { kind: "route", type, linkIndex, gateway, mtu };
      }
      const code = answer instanceof NetlinkError ? answer.code : "EHOSTUNREACH";
      return { kind: "refused", code, blockedBy: await findBlockingRoute(rtnetlink, question.destination) };
    },
    async entry(question) {
      const answer = await ask(question, "entry");
      return answer instanceof NetlinkError ? undefined : answer;
    },
    neighbour: (linkIndex, address) =>
      readOne(rtnetlink, getNeighbour({ linkIndex, address }), parseNeighbour),
    fdbEntry: (question) => readOne(rtnetlink, getFdbEntry(question), parseFdbEntry),
  };
}
