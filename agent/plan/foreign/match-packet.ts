import { parseAddress } from "../../net/address.ts";
import { cidrContains, cidrOf } from "../../net/cidr.ts";
import type { NftExpression } from "./forward-chain.ts";

/** The first packet of a connection, as hook prerouting sees it. */
export interface FirstPacket {
  readonly source: string;
  readonly destination: string;
  /** Undefined: nobody has said which. */
  readonly port: { readonly protocol: string; readonly number: number } | undefined;
  /** The destination is an address of the node. */
  readonly isLocal: boolean;
  /** Link where it comes in. */
  readonly inputLink: string;
}

/**
 * Whether a packet meets a condition: "unknown" where nft does not show the condition, or the packet is not
 * known so far.
 */
export type Answer = "yes" | "no" | "unknown";

/** Elements of the sets of a table, by name. */
export type Sets = ReadonlyMap<string, readonly unknown[]>;

type Fields = Readonly<Record<string, unknown>>;

const NUMBERS: Readonly<Record<string, string>> = { tcp: "6", udp: "17", sctp: "132" };

/** Answers to a condition of one expression as in libnftables-json(5); "yes" to what is no condition. */
export function meets(packet: FirstPacket, { match, xt }: NftExpression, sets: Sets): Answer {
  if (match !== undefined) {
    const { op, left, right } = match as { op: string; left: Fields; right: unknown };
    const value = readKey(packet, left);
    const answer = isAmong(value, right, sets);
    return op === "!=" && value !== null ? negate(answer) : answer;
  }
  if (xt === undefined) return "yes";
  const { type, name } = (xt ?? {}) as { type?: string; name?: string };
  if (type === "target" || name === "comment") return "yes";
  // What it asks for is not shown; in practice, whether an address is the node's own.
  return name === "addrtype" && packet.isLocal ? "yes" : "unknown";
}

/** Whether the key of a condition or of a map holds the destination's address. */
export function asksForDestination(left: unknown): boolean {
  const { payload, concat } = (left ?? {}) as { payload?: { field?: string }; concat?: readonly unknown[] };
  return payload?.field === "daddr" || (concat ?? []).some(asksForDestination);
}

/**
 * What the packet has in the place of a key: `null`: it has none, and never matches; undefined: not known.
 */
export function readKey(packet: FirstPacket, left: Fields): unknown {
  if (Array.isArray(left["concat"])) return left["concat"].map((part) => readKey(packet, part as Fields));
  const { protocol, field } = (left["payload"] ?? {}) as { protocol?: string; field?: string };
  const { port } = packet;
  if (protocol === (packet.destination.includes(":") ? "ip" : "ip6")) return null;
  if (field === "daddr") return packet.destination;
  if (field === "saddr") return packet.source;
  if (field === "dport")
    return port !== undefined && protocol !== "th" && protocol !== port.protocol ? null : port?.number;
  if (field === "protocol" || field === "nexthdr") return port?.protocol;
  const { key } = (left["meta"] ?? {}) as { key?: string };
  if (key === "l4proto") return port?.protocol;
  if (key === "iifname") return packet.inputLink;
  const fib = left["fib"] as { result?: string; flags?: unknown } | undefined;
  if (fib?.result === "type" && JSON.stringify(fib.flags).includes("daddr"))
    return packet.isLocal ? "local" : "unicast";
  if ((left["ct"] as { key?: string } | undefined)?.key === "state") return "new";
  return undefined;
}

/** Compares a value with what stands on the right of a condition, or with the key of an element. */
export function isAmong(value: unknown, right: unknown, sets: Sets): Answer {
  if (value === null) return "no";
  if (typeof right === "string" && right.startsWith("@")) {
    const elements = sets.get(right.slice(1));
    return elements === undefined ? "unknown" : isAny(value, elements, sets);
  }
  const { set, elem, concat, prefix, range } = (
    typeof right === "object" && right !== null ? right : {}
  ) as Fields;
  if (elem !== undefined) return isAmong(value, (elem as Fields)["val"], sets);
  if (Array.isArray(set)) return isAny(value, set, sets);
  if (Array.isArray(right)) return isAny(value, right, sets);
  if (Array.isArray(concat)) {
    const values = Array.isArray(value) ? (value as readonly unknown[]) : [];
    return allOf(concat.map((part, index) => isAmong(values[index], part, sets)));
  }
  if (typeof value !== "string" && typeof value !== "number") return "unknown";
  if (prefix !== undefined) {
    const { addr, len } = prefix as { addr: string; len: number };
    return answerOf(
      parseAddress(String(value)) !== undefined && cidrContains(cidrOf(addr, len), String(value)),
    );
  }
  if (Array.isArray(range)) {
    const [first, last] = range.map(Number);
    return typeof value === "number" && first !== undefined && last !== undefined
      ? answerOf(value >= first && value <= last)
      : "unknown";
  }
  if (typeof right !== "string" && typeof right !== "number") return "unknown";
  if (typeof right === "string" && right.endsWith("*"))
    return answerOf(String(value).startsWith(right.slice(0, -1)));
  return answerOf(plain(value) === plain(right));
}

/**
 * Names and numbers of protocols are the same (nft prints names only where /etc/protocols is), and so are
 * spellings of an address.
 */
function plain(value: string | number): string {
  const text = String(value);
  return NUMBERS[text] ?? parseAddress(text) ?? text;
}

function isAny(value: unknown, elements: readonly unknown[], sets: Sets): Answer {
  const answers = elements.map((element) => isAmong(value, element, sets));
  return answers.find((answer) => answer === "yes") ?? answers.find((answer) => answer === "unknown") ?? "no";
}

export function allOf(answers: readonly Answer[]): Answer {
  return answers.find((answer) => answer === "no") ?? answers.find((answer) => answer === "unknown") ?? "yes";
}

function answerOf(isMet: boolean): Answer {
  return isMet ? "yes" : "no";
}

function negate(answer: Answer): Answer {
  return answer === "unknown" ? "unknown" : answerOf(answer === "no");
}
