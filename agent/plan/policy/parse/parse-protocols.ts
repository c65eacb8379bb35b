import type { PortName, PortRange, Ports, Protocol } from "../model.ts";
import { type Field, isAbsent, readEach, readList, readNumber, readObject, refuse } from "./fields.ts";
import { MAX_PORT, readPortName } from "./parse-ports.ts";

const PROTOCOL_KEYS: Readonly<Record<"tcp" | "udp" | "sctp", Protocol>> = {
  tcp: "TCP",
  udp: "UDP",
  sctp: "SCTP",
};
const KEYS = ["tcp", "udp", "sctp", "destinationNamedPort"] as const;

/**
 * `protocols` of a rule of a ClusterNetworkPolicy; undefined when missing: everything. What cannot be read is
 * noted, and the rule is none.
 */
export function parseProtocols(list: Field): Ports | undefined {
  if (isAbsent(list)) return undefined;
  const fields = readList(list) ?? [];
  if (fields.length === 0) refuse(list, "is empty");
  const ports = readEach(fields, parseProtocol);
  return {
    ranges: ports.filter((port) => "first" in port),
    names: ports.filter((port) => "name" in port),
  };
}

function parseProtocol(field: Field): PortRange | PortName | undefined {
  const members = readObject(field, KEYS);
  if (members === undefined) return undefined;
  const [key, ...others] = KEYS.filter((candidate) => !isAbsent(members[candidate]));
  if (key === undefined || others.length > 0)
    return refuse(field, `has not exactly one of ${KEYS.join(", ")}`);
  if (key === "destinationNamedPort") return readPortName(members[key], undefined);
  // Without a port that we know it may have another condition, which narrows it.
  const port = readObject(members[key], ["destinationPort"])?.destinationPort;
  return port && parseDestination(port, PROTOCOL_KEYS[key]);
}

function parseDestination(field: Field, protocol: Protocol): PortRange | undefined {
  const members = readObject(field, ["number", "range"]);
  if (members === undefined) return undefined;
  const { number, range } = members;
  if (isAbsent(number) === isAbsent(range)) return refuse(field, "has not exactly one of number, range");
  if (!isAbsent(number)) {
    const port = readNumber(number, 1, MAX_PORT);
    return port === undefined ? undefined : { protocol, first: port, last: port };
  }
  const ends = readObject(range, ["start", "end"]);
  const first = ends && readNumber(ends.start, 1, MAX_PORT);
  const last = first === undefined ? undefined : ends && readNumber(ends.end, first, MAX_PORT);
  return first === undefined || last === undefined ? undefined : { protocol, first, last };
}
