import { getSystemErrorMap } from "node:util";

/** A failed system call: `code` is the name of its error number. */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
}

/** Name of a negative error number. */
export function errorCode(result: number): string {
  return getSystemErrorMap().get(result)?.[0] ?? `E${-result}`;
}

/** `what` is the action and its object, as in "open netlink socket". */
export function systemError(what: string, syscall: string, code: string, cause?: unknown): SystemError {
  const meaning = [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1] ?? "unknown error";
  const message = `Cannot ${what}: ${code} (${syscall}: ${meaning})`;
  return Object.assign(new Error(message, { cause }), { code, syscall });
}

/** The result of a system call, thrown as {@link SystemError} if it is negative. */
export function checked(what: string, syscall: string, result: number): number {
  if (result < 0) throw systemError(what, syscall, errorCode(result));
  return result;
}
