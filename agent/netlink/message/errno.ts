/**
 * Error numbers that rtnetlink answers with: name, and what it means to an operator. The numbers are those of
 * asm-generic/errno.h, which all architectures that Node.js supports share; `layout.test.ts` compares them
 * with the C header.
 */
export const ERRNO = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such entry"],
  3: ["ESRCH", "no such route"],
  4: ["EINTR", "interrupted"],
  6: ["ENXIO", "no such device or address"],
  9: ["EBADF", "bad file descriptor"],
  11: ["EAGAIN", "try again"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad memory address"],
  16: ["EBUSY", "device or resource busy"],
  17: ["EEXIST", "already exists"],
  19: ["ENODEV", "no such link"],
  20: ["ENOTDIR", "not a directory"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files in the system"],
  24: ["EMFILE", "too many open files"],
  28: ["ENOSPC", "no space left"],
  33: ["EDOM", "argument out of domain"],
  34: ["ERANGE", "result out of range"],
  40: ["ELOOP", "too many levels"],
  61: ["ENODATA", "no data available"],
  71: ["EPROTO", "protocol error"],
  74: ["EBADMSG", "bad message"],
  76: ["ENOTUNIQ", "name not unique"],
  85: ["ERESTART", "changed meanwhile"],
  90: ["EMSGSIZE", "message too long"],
  93: ["EPROTONOSUPPORT", "protocol not supported"],
  95: ["EOPNOTSUPP", "operation not supported"],
  97: ["EAFNOSUPPORT", "address family not supported"],
  98: ["EADDRINUSE", "address already in use"],
  99: ["EADDRNOTAVAIL", "address not available"],
  100: ["ENETDOWN", "link is down"],
  101: ["ENETUNREACH", "network is unreachable"],
  105: ["ENOBUFS", "no buffer space available"],
  110: ["ETIMEDOUT", "timed out"],
  113: ["EHOSTUNREACH", "no route to host"],
  114: ["EALREADY", "already in progress"],
} as const satisfies Readonly<Record<number, readonly [code: string, meaning: string]>>;

const byNumber: Readonly<Record<number, readonly [code: string, meaning: string] | undefined>> = ERRNO;

/** Name and meaning of an error number; an unlisted one is named by its number. */
export function describeErrno(errno: number): { readonly code: string; readonly meaning: string } {
  const [code, meaning] = byNumber[errno] ?? [`E${errno}`, `error ${errno}`];
  return { code, meaning };
}
