import * as v from "valibot";
import { type Family, parseAddress } from "../net/address.ts";
import { type Cidr, parseCidr } from "../net/cidr.ts";
import { MIN_MTU } from "../plan/node/node-network.ts";

export const text = v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"));
export const path = v.pipe(text, v.startsWith("/", "must be an absolute path"));
export const flag = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false"])], "must be true or false"),
  v.transform((value) => value === true || value === "true"),
);
/**
 * Octal text: a number would be read as decimal by one YAML and as octal by another. Nobody but root may
 * change what runtimes run as root.
 */
export const fileMode = (needed: number, example: string) => {
  const noText = `must be octal text such as "${example}"`;
  return v.pipe(
    v.string(noText),
    v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
      const mode = /^0?[0-7]{3}$/.test(dataset.value) ? Number.parseInt(dataset.value, 8) : undefined;
      if (mode === undefined) addIssue({ message: noText });
      else if ((mode & 0o022) !== 0) addIssue({ message: "must not let group or others write" });
      else if ((mode & needed) !== needed)
        addIssue({ message: `must let the owner do what "${example}" does` });
      else return mode;
      return NEVER;
    }),
  );
};
export const families = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false", "ipv4", "ipv6"])], "must be true, false, ipv4 or ipv6"),
  v.transform((value): readonly Family[] => {
    if (value === "ipv4") return [4];
    if (value === "ipv6") return [6];
    return value === true || value === "true" ? [4, 6] : [];
  }),
);
export const cidr = v.pipe(
  text,
  v.rawTransform<string, Cidr>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseCidr(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "must be a prefix such as 10.0.0.0/8, without host bits" });
    return NEVER;
  }),
);
export const listenAddress = v.pipe(
  text,
  v.rawTransform<string, ListenAddress>(({ dataset, addIssue, NEVER }) => {
    const parsed = parseListenAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "must be ADDRESS:PORT" });
    return NEVER;
  }),
);
const wholeNumber = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.digits(), v.transform(Number))], "must be a number"),
  v.integer("must be a whole number"),
);
export const between = (low: number, high: number) =>
  v.pipe(
    wholeNumber,
    v.minValue(low, `must be ${low} to ${high}`),
    v.maxValue(high, `must be ${low} to ${high}`),
  );
export const mtu = v.pipe(
  wholeNumber,
  v.check(
    (value) => value === 0 || (value >= MIN_MTU[4] && value <= 65_535),
    `must be 0 or ${MIN_MTU[4]} to 65535`,
  ),
);

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, from text such as "90m", "12h" or "30d"; "0": never. */
export const duration = (leastMs: number) =>
  v.pipe(
    v.union([v.literal(0), v.string()], "must be 0, or a whole number of m, h or d such as 30d"),
    v.rawTransform<string | 0, number>(({ dataset, addIssue, NEVER }) => {
      const [, digits, unit = ""] = /^(\d{1,6})([mhd])$/.exec(String(dataset.value)) ?? [];
      if (String(dataset.value) === "0") return 0;
      if (digits === undefined)
        addIssue({ message: "must be 0, or a whole number of m, h or d such as 30d" });
      else {
        const ms = Number(digits) * (UNIT_MS[unit] ?? 0);
        if (ms >= leastMs) return ms;
        addIssue({ message: `must be 0 or at least ${leastMs / 60_000}m` });
      }
      return NEVER;
    }),
  );

/** One setting: its flag, what it takes, and its line of help. */
export interface Option {
  readonly flag: string;
  readonly schema: v.GenericSchema;
  readonly value: string;
  readonly help: string;
  readonly multiple?: true;
}

/** An address and port to listen on. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * An IPv6 address is in brackets, or is not: the downward API puts a node's address before the port as it is.
 */
function parseListenAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^[\]]+)):(\d{1,5})$/.exec(value);
  const [, bracketed, bare] = match ?? [];
  const port = Number(match?.[3]);
  const address = parseAddress(bracketed ?? bare ?? "");
  if (address === undefined || port > 65_535) return undefined;
  return bracketed === undefined || address.includes(":") ? { address, port } : undefined;
}
