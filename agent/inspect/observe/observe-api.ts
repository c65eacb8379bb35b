import { drain, readJson } from "../../kube/api/api-client.ts";
import { asApiError } from "../../kube/api/api-error.ts";
import type { ApiObservation } from "../../diagnosis/agent/check-api.ts";
import { isIP } from "node:net";
import type { NetlinkClient } from "../../kernel/socket/netlink-client.ts";
import { findBlockingRoute } from "../../kernel/read/find-blocking-route.ts";
import { type ApiTarget, NOT_ASKED, openApi } from "../open-api.ts";

const TIMEOUT_MS = 1000;

/**
 * Asks the API server for its version, and for a node as the agent must be allowed to, with the agent's
 * credentials.
 */
export async function observeApi(rtnetlink: NetlinkClient, target: ApiTarget): Promise<ApiObservation> {
  const api = openApi(target);
  if (api === undefined) return { kind: "not asked", reason: NOT_ASKED };
  const { credentials, client } = api;
  let server: string | undefined;
  const startMs = performance.now();
  try {
    ({ server } = await credentials.forRequest());
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const body = await client.send({ method: "GET", path: "/version", signal });
    const { gitVersion } = (await readJson(body)) as { gitVersion?: string };
    const ms = performance.now() - startMs;
    await drain(await client.send({ method: "GET", path: "/api/v1/nodes?limit=1", signal }));
    return { kind: "answered", server, ms, version: gitVersion ?? "unknown version" };
  } catch (error) {
    const { message, status } = asApiError(error);
    const blockedBy = status === undefined ? await findBlock(rtnetlink, server) : undefined;
    return { kind: "failed", server, reason: message, status, blockedBy };
  } finally {
    client.close();
  }
}

/** A route of this node that leads the server's address nowhere. */
async function findBlock(rtnetlink: NetlinkClient, server: string | undefined): Promise<string | undefined> {
  if (server === undefined || !URL.canParse(server)) return undefined;
  const destination = new URL(server).hostname.replace(/^\[|\]$/g, "");
  if (isIP(destination) === 0) return undefined;
  return findBlockingRoute(rtnetlink, destination);
}
