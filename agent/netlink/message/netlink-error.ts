import { describeErrno } from "./errno.ts";

export interface NetlinkErrorInput {
  /** Positive error number. */
  readonly errno: number;
  /** What was asked, as in `add address 10.244.1.7/32`. */
  readonly what: string;
  /** The kernel's own words (NLMSGERR_ATTR_MSG). */
  readonly extack?: string | undefined;
  /** Where in the request message the fault lies, in bytes (NLMSGERR_ATTR_OFFS). */
  readonly offset?: number | undefined;
}

/** The kernel refused one request. Match on `code` or with the predicates below, never on the text. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  readonly errno: number;
  /** Name of the error number, as in "EEXIST". */
  readonly code: string;
  readonly what: string;
  readonly extack: string | undefined;
  readonly offset: number | undefined;

  constructor({ errno, what, extack, offset }: NetlinkErrorInput) {
    const { code, meaning } = describeErrno(errno);
    const kernel = extack === undefined || extack === "" ? "" : `; kernel: ${JSON.stringify(extack)}`;
    super(`Cannot ${what}: ${code} (${meaning}${kernel})`);
    this.errno = errno;
    this.code = code;
    this.what = what;
    this.extack = extack;
    this.offset = offset;
  }
}

export function isNetlinkError(error: unknown): error is NetlinkError {
  return error instanceof NetlinkError;
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return isNetlinkError(error) && codes.includes(error.code);
}

/** The thing is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return hasCode(error, ["EEXIST"]);
}

/** The link, address (EADDRNOTAVAIL), route (ESRCH) or neighbour (ENOENT) is not there. */
export function isNotFound(error: unknown): boolean {
  return hasCode(error, ["ENODEV", "ENOENT", "ESRCH", "ENXIO", "EADDRNOTAVAIL"]);
}

/**
 * The kernel lacks the feature, or it is switched off: IPv6 by boot option answers EAFNOSUPPORT, by sysctl
 * EACCES.
 */
export function isNotSupported(error: unknown): boolean {
  return hasCode(error, ["EOPNOTSUPP", "EAFNOSUPPORT", "EPROTONOSUPPORT"]);
}

/**
 * The kernel may not know what was asked: a part of nftables that is missing is ENOENT or EOPNOTSUPP, and all
 * of it EINVAL, as are faults of other kinds.
 */
export function mayBeUnknown(error: unknown): boolean {
  return hasCode(error, ["EINVAL", "ENOENT"]) || isNotSupported(error);
}

/** Another socket has the port. */
export function isAddressInUse(error: unknown): boolean {
  return hasCode(error, ["EADDRINUSE"]);
}

/** CAP_NET_ADMIN is missing in the network namespace's user namespace. */
export function isNotPermitted(error: unknown): boolean {
  return hasCode(error, ["EPERM"]);
}
