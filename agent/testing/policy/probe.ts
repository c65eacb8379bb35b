import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Netns, makeNetns, runOnHost } from "../machine/netns.ts";
import { endPrivileged, privileged } from "../runner/privileged.ts";

/** Probes by numbers of addresses: from, to, protocol, destination port. */
export interface ProbeRequest {
  readonly addresses: readonly string[];
  readonly probes: readonly (readonly [number, number, number, number])[];
}

/** Packets through the host's namespace, which forwards whatever comes in by `r0` out by `r1`. */
export interface Prober {
  /** A character for each probe, "1" if it came through. */
  probe(request: ProbeRequest): Promise<string>;
  close(): Promise<void>;
}

export async function openProber(): Promise<Prober> {
  const netns = await makeNetns();
  const mac = await routeThroughHost(netns);
  const path = join(tmpdir(), `prober-${netns.pid}`);
  const node = [process.execPath, join(import.meta.dirname, "prober.ts"), path, "a0", "b0", mac];
  const cpu = /Cpus_allowed_list:\s*(\d+)/.exec(await runOnHost("cat", "/proc/self/status"))?.[1] ?? "0";
  const { pid } = await privileged({
    command: ["taskset", "-c", cpu, ...node],
    netns: netns.path,
    background: true,
  });
  const socket = connect(path);
  const lines = createInterface(socket);
  await once(socket, "connect");
  return {
    async probe(request) {
      const answer = new Promise<string>((resolve, reject) => {
        lines.once("line", resolve);
        lines.once("close", () => reject(new Error("the prober has ended")));
      });
      socket.write(`${JSON.stringify(request)}\n`);
      return await answer.finally(() => lines.removeAllListeners("close"));
    },
    async close() {
      socket.destroy();
      await endPrivileged(pid);
      await netns.remove();
      rmSync(path, { force: true });
    },
  };
}

/**
 * Gives the MAC address to send to. A veth with GRO, whose peer leaves segments alone, has a queue of its own
 * (veth_skb_is_eligible_for_gro of drivers/net/veth.c). Others take that of the CPU, which all namespaces of
 * the machine share, and which drops what comes when net.core.netdev_max_backlog packets of anybody are in
 * it.
 */
async function routeThroughHost(netns: Netns): Promise<string> {
  for (const [near, far] of [
    ["r0", "a0"],
    ["r1", "b0"],
  ])
    await runOnHost(...`ip link add ${near} type veth peer name ${far} netns ${netns.pid}`.split(" "));
  await netns.run(
    "sh",
    "-c",
    "sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ethtool -K a0 tso off; ethtool -K b0 gro on; ip link set a0 up; ip link set b0 up",
  );
  await runOnHost(
    "sh",
    "-c",
    `set -e
    for name in all default r0 r1; do sysctl -qw net.ipv4.conf.$name.rp_filter=0; done
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link set r1 arp off
    ethtool -K r0 gro on; ethtool -K r1 tso off
    ip link set r0 up; ip link set r1 up
    ip route add default dev r1; ip -6 route add default dev r1`,
  );
  const [link] = JSON.parse(await runOnHost("ip", "-json", "link", "show", "r0")) as { address: string }[];
  return link?.address ?? "";
}
