/**
 * What Causeway takes of the npm package `netlink` 0.3.0, and the one file that imports it: numbers of the
 * kernel's interface, the fixed headers of messages, and numbers in the machine's byte order. Its sockets are
 * not used: they send one message at a time, in the agent's own network namespace only, and need a compiled
 * part that would have to be built beside ours. `layout.test.ts` compares what is here with the C headers.
 */
export {
  Attributes as SocketOption,
  Flags,
  FlagsAck,
  FlagsGet,
  FlagsNew,
  MessageType,
} from "netlink/dist/constants.js";
export {
  __LENGTH_Address,
  __LENGTH_Link,
  __LENGTH_Neighbor,
  __LENGTH_Route,
  formatAddress,
  formatLink,
  formatNeighbor,
  formatRoute,
  MessageType as RouteMessageType,
  type NeighborFlags,
  type NeighborState,
  parseAddress,
  parseLink,
  parseNeighbor,
  parseRoute,
  type Route,
  type RouteFlags,
  RouteProtocol,
  RouteScope,
  RouteType,
} from "netlink/dist/rt/structs.js";
export {
  align,
  formatHeader,
  getS32,
  getString,
  getU16,
  getU32,
  getU64,
  getU8,
  HEADER_LENGTH,
  putU32,
  putU64,
  readS32,
  readU16,
  readU32,
  writeS32,
  writeU16,
  writeU32,
} from "netlink/dist/structs.js";
