import type { PortName, Protocol } from "../model.ts";
import { type Field, refuse } from "./fields.ts";

export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

export const MAX_PORT = 65_535;

/** IANA_SVC_NAME (RFC 6335 section 5.1), as the API validates names of ports. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

export function readPortName(field: Field, protocol: Protocol | undefined): PortName | undefined {
  const { value } = field;
  if (typeof value !== "string" || !PORT_NAME.test(value)) return refuse(field, "is not the name of a port");
  return { name: value, protocol };
}
