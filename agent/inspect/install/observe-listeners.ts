import { readText, splitSockets } from "../read-proc.ts";

/** TCP ports on which programs of this network namespace listen, by /proc/net/tcp and tcp6. */
export async function observeListeners(): Promise<ReadonlySet<number>> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readText(path)));
  return new Set(tables.flatMap((text = "") => listeningPorts(text)));
}

/** TCP_LISTEN of include/net/tcp_states.h, as /proc prints it. */
const LISTEN = "0A";

/** Ports of a table: `sl local_address rem_address st …`, addresses and ports in hexadecimal. */
function listeningPorts(text: string): readonly number[] {
  return splitSockets(text)
    .filter((fields) => fields[3] === LISTEN)
    .map((fields) => Number.parseInt(fields[1]?.split(":")[1] ?? "", 16));
}
