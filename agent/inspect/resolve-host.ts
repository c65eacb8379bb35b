import { lookup } from "node:dns/promises";
import { parseTarget, type Target } from "../diagnosis/target.ts";
import { DNS_SUBDOMAIN } from "../net/dns-name.ts";
import { describeSystemError } from "../lib/files.ts";

/** Ports of schemes that need not be written. */
const SCHEME_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** A host of a URL, or a name, with the port that goes with it. */
export interface NamedTarget {
  readonly host: string;
  /** As a target has it: `:443`, `:53/udp`, or nothing. */
  readonly portText: string;
}

/** Reads a URL with a host, or `NAME[:PORT[/PROTOCOL]]`; undefined for anything else. */
export function parseNamedTarget(text: string): NamedTarget | undefined {
  if (text.includes("://")) {
    const url = URL.parse(text);
    if (url === null || url.hostname === "") return undefined;
    const port = url.port === "" ? SCHEME_PORTS[url.protocol] : Number(url.port);
    return { host: url.hostname.replaceAll(/[[\]]/g, ""), portText: port === undefined ? "" : `:${port}` };
  }
  const [, host = "", portText = ""] = /^([a-z0-9.-]+)(:\d{1,5}(?:\/[a-z]+)?)?$/.exec(text) ?? [];
  return DNS_SUBDOMAIN.test(host) && /[a-z]/.test(host) ? { host, portText } : undefined;
}

/**
 * The addresses of a host as this node's resolver gives them, as targets; or why there are none, in words.
 */
export async function resolveHost({ host, portText }: NamedTarget): Promise<readonly Target[] | string> {
  try {
    const found = await lookup(host, { all: true });
    return found.flatMap(
      ({ address, family }) =>
        parseTarget(portText === "" || family === 4 ? `${address}${portText}` : `[${address}]${portText}`) ??
        [],
    );
  } catch (error) {
    const reason = describeSystemError(error);
    const [name = "", namespace = ""] = host.split(".");
    const hint = /\.svc(?:\.|$)/.test(host)
      ? `; this node does not use the cluster DNS: kubectl get service --namespace ${namespace} ${name} shows its address`
      : "";
    return `this node cannot resolve "${host}" (${reason})${hint}`;
  }
}
