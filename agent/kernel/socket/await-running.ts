import { setTimeout as delay } from "node:timers/promises";
import { getLink } from "../../netlink/link/link.ts";
import { isLinkRunning } from "../../netlink/link/parse-link.ts";
import type { Outcome } from "../../netlink/message/message.ts";
import { readOne, readOutcome } from "./read-one.ts";
import type { NetlinkClient } from "./netlink-client.ts";

/**
 * Looks, a millisecond apart, after which a link that still has no carrier is meant to have none: no pod
 * waits for it.
 */
const MAX_LOOKS = 1000;

/**
 * A link that has got its carrier sends only after a worker of the kernel has seen that, which takes its time
 * on a busy node; until then packets are lost. Since Linux 6.8 to ask about the link does the worker's job
 * (linkwatch_sync_dev in rtnl_getlink of net/core/rtnetlink.c); before, this waits for the worker. `asked`:
 * the outcome of a first {@link getLink}, where one was sent with other requests.
 */
export async function awaitRunning(
  rtnetlink: NetlinkClient,
  linkIndex: number,
  asked: Outcome | undefined,
): Promise<void> {
  const ask = (): Promise<boolean | undefined> => readOne(rtnetlink, getLink(linkIndex), isLinkRunning);
  let isRunning = asked?.status === "done" ? readOutcome(asked, isLinkRunning) : await ask();
  for (let look = 0; isRunning === false && look < MAX_LOOKS; look++) {
    await delay(1);
    isRunning = await ask();
  }
}
