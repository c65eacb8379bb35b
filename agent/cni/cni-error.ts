import { showValue } from "../text/show-value.ts";

/**
 * Error codes of the CNI specification (SPEC.md, section "Error") and ours from 100 on. 8 is what the
 * reference library uses for a namespace that is the plugin's own.
 */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodeFailure: 6,
  invalidConfig: 7,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  interfaceExists: 100,
  poolExhausted: 101,
  checkFailed: 102,
} as const;

/** A failure that the runtime is told. Made where the cause is known, passed through unchanged. */
export class CniError extends Error {
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: number, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "CniError";
    this.code = code;
    this.details = options.details;
  }
}

/** The error JSON that a plugin prints on stdout. */
export function formatCniError(error: CniError, cniVersion: string): string {
  const { code, message, details } = error;
  return `${JSON.stringify({ cniVersion, code, msg: message, ...(details === undefined ? {} : { details }) })}\n`;
}

/** Any failure as a CniError: what has no code of its own is an I/O failure. */
export function toCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CniError(CNI_CODE.ioFailure, message, { cause: error });
}

/** Error 7 about one value of the configuration. */
export function invalidValue(key: string, value: unknown, cause: string): CniError {
  return new CniError(CNI_CODE.invalidConfig, `Cannot use ${key} ${showValue(value)}: ${cause}`);
}
