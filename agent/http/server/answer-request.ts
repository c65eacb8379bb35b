import { messageOf } from "../../lib/errors.ts";
import { type Answer, encodeAnswer, type Handler, textAnswer } from "./answer.ts";
import { isOwnHost, type OwnHosts } from "../own-host.ts";
import { type BadRequest, parseRequestHead, type RequestHead } from "./request-head.ts";

export interface Site {
  readonly hosts: OwnHosts;
  /** What is served, by path, to GET and HEAD. */
  readonly routes: Readonly<Record<string, Handler>>;
}

/**
 * The bytes that answer a request; undefined while its head is not whole.
 *
 * @param local the address that the connection was made to
 */
export function answerRequest(site: Site, head: Buffer, local: string): Promise<Buffer> | undefined {
  const request = parseRequestHead(head);
  if (request === undefined) return undefined;
  const withBody = !("method" in request && request.method === "HEAD");
  return answer(site, request, local).then((given) => encodeAnswer(given, { date: new Date(), withBody }));
}

async function answer(
  { hosts, routes }: Site,
  request: RequestHead | BadRequest,
  local: string,
): Promise<Answer> {
  if ("status" in request) return textAnswer(request.status, `${request.reason}\n`);
  if (!isOwnHost(request.headers.get("host") ?? "", local, hosts))
    return textAnswer(421, "the request's Host is not a name of this node; --http-host adds one\n");
  if (request.method !== "GET" && request.method !== "HEAD") return refuseMethod();
  const handler = Object.hasOwn(routes, request.path) ? routes[request.path] : undefined;
  if (handler === undefined) return textAnswer(404, `available: ${Object.keys(routes).join(", ")}\n`);
  try {
    return await handler(request);
  } catch (error) {
    return textAnswer(500, `Cannot answer: ${messageOf(error)}\n`);
  }
}

function refuseMethod(): Answer {
  const { status, headers, body } = textAnswer(405, "only GET\n");
  return { status, headers: { ...headers, allow: "GET, HEAD" }, body };
}
