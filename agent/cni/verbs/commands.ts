import type { SharedLock } from "../../lib/shared-lock.ts";
import { add } from "./add.ts";
import type { Caller, CommandsContext } from "./context.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import { createLimiter } from "../../lib/limiter.ts";
import { linkOfMac } from "./require-free-mac.ts";
import { SUPPORTED_VERSIONS } from "../request/network-config.ts";
import type { CniRequest } from "../request/request.ts";
import { status } from "./status.ts";

/** Serves one CNI request and answers what the shim prints; throws CniError. */
export type Commands = (request: CniRequest, caller: Caller) => Promise<string>;

/**
 * The kernel makes one veth at a time. A few more than there are threads, so that the next is always planned;
 * the others wait as the few bytes that were asked, which the garbage collector need not carry around.
 */
const MAX_ADDS = 6;

/** `collection`: shared by requests about one pod, exclusive for what looks at all of them. */
export function createCommands(context: CommandsContext, collection: SharedLock): Commands {
  // A runtime that gave up on an ADD sends DEL at once, and kubelets send several DELs: order per container
  // is what makes the last word the DEL's.
  const containers = createKeyedLock();
  const adds = createLimiter(MAX_ADDS);
  // Who asks for the MAC of another must find that one's link.
  const macs = createKeyedLock();
  const inTurn = (containerId: string, work: () => Promise<string>): Promise<string> =>
    collection.shared(() => containers.run(containerId, work));

  return async (request, caller) => {
    switch (request.command) {
      case "ADD":
        return inTurn(request.containerId, () => {
          const { mac } = request.runtimeConfig;
          const work = (): Promise<string> =>
            adds.run(() => add(context, request, { ...caller, isAlone: () => adds.running() === 1 }));
          return mac === undefined ? work() : macs.run(linkOfMac(mac), work);
        });
      case "CHECK":
        return inTurn(request.containerId, () => check(context, request));
      case "DEL":
        return inTurn(request.containerId, () => del(context, request));
      case "GC":
        // It decides by a list that is only true while nothing comes or goes.
        return collection.exclusive(() => gc(context, request));
      case "STATUS":
        return status(context);
      case "VERSION":
        return `${JSON.stringify({ cniVersion: SUPPORTED_VERSIONS.at(-1), supportedVersions: SUPPORTED_VERSIONS })}\n`;
    }
  };
}
