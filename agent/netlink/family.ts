import { addressFromBytes, type Family, familyOf } from "../net/address.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "./constants.ts";
import { MalformedMessageError } from "./message/malformed-message-error.ts";

/** AF_* of a family; AF_UNSPEC, both, for undefined. */
export function familyToAf(family: Family | undefined): number {
  if (family === undefined) return AF_UNSPEC;
  return family === 4 ? AF_INET : AF_INET6;
}

export function afOf(address: string): number {
  return familyToAf(familyOf(address));
}

export function familyFromAf(what: string, af: number | undefined): Family {
  if (af === AF_INET) return 4;
  if (af === AF_INET6) return 6;
  throw new MalformedMessageError(`Cannot read ${what}: address family ${af}`);
}

/** Text of an address attribute, which must have the length of its family. */
export function addressFrom(what: string, family: Family, bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  if (bytes.length !== (family === 4 ? 4 : 16)) {
    throw new MalformedMessageError(`Cannot read ${what}: IPv${family} address of ${bytes.length} bytes`);
  }
  return addressFromBytes(bytes);
}
