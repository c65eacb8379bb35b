import type { PortName, PortRange, Ports, Protocol } from "../model.ts";
import { type Field, isAbsent, readEach, readNumber, readObject, readWord, refuse } from "./fields.ts";

export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

export const MAX_PORT = 65_535;

/** IANA_SVC_NAME (RFC 6335 section 5.1), as the API validates names of ports. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export function readPortName(field: Field, protocol: Protocol | undefined): PortName | undefined {
  const { value } = field;
  if (typeof value !== "string" || !PORT_NAME.test(value)) return refuse(field, "is not the name of a port");
  return { name: value, protocol };
}

/**
 * `ports` of a rule of a NetworkPolicy, of which there are some. What cannot be read is left out: it matches
 * nothing.
 */
export function parsePorts(fields: readonly Field[]): Ports {
  const ports = readEach(fields, parsePort);
  return {
    ranges: ports.filter((port) => "first" in port),
    names: ports.filter((port) => "name" in port),
  };
}

function parsePort(field: Field): PortRange | PortName | undefined {
  const members = readObject(field, ["protocol", "port", "endPort"]);
  if (members === undefined) return undefined;
  const { port, endPort } = members;
  const protocol = isAbsent(members.protocol) ? "TCP" : readWord(members.protocol, PROTOCOLS);
  if (protocol === undefined) return undefined;
  if (typeof port.value !== "number" && !isAbsent(endPort))
    return refuse(endPort, "has no number in port before it");
  if (isAbsent(port)) return { protocol, first: 0, last: MAX_PORT };
  if (typeof port.value === "string") return readPortName(port, protocol);
  const first = readNumber(port, 1, MAX_PORT);
  if (first === undefined) return undefined;
  const last = isAbsent(endPort) ? first : readNumber(endPort, first, MAX_PORT);
  return last === undefined ? undefined : { protocol, first, last };
}
