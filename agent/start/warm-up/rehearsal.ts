import { type ServerInput, type ShimTransport, startCniServer } from "../../cni/server.ts";
import { createCommands } from "../../cni/verbs/commands.ts";
import { createAttachments } from "../../ipam/attachments.ts";
import { createHostPortTable } from "../../ipam/host-port-table.ts";
import { createIpam } from "../../ipam/ipam.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createNftables } from "../../kernel/nft/nftables.ts";
import { attachPod } from "../../kernel/pod/attach-pod.ts";
import { createPodEncoder } from "../../kernel/pod/pod-batches.ts";
import { createNetlinkClient } from "../../kernel/socket/netlink-client.ts";
import type { NativeStep } from "../../kernel/socket/native.ts";
import type { AttachOutcome } from "../../kernel/types.ts";
import { createSharedLock } from "../../lib/shared-lock.ts";
import { createLog } from "../../log/log.ts";
import { parseCidr } from "../../net/cidr.ts";
import { IFF_RUNNING, RTM_GETLINK, RTM_NEWLINK } from "../../netlink/constants.ts";
import { readU16, readU32, writeU16, writeU32 } from "../../netlink/message/host-order.ts";
import { encodeRequestFrame } from "../../cni/request/frame.ts";

/**
 * struct nlmsghdr and ifinfomsg of linux/netlink.h and rtnetlink.h: their sizes, and where type, sequence
 * number and flags stand.
 */
const HEADER_BYTES = 16;
const IFINFOMSG_BYTES = 16;
const TYPE_OFFSET = 4;
const SEQUENCE_OFFSET = 8;
const FLAGS_OFFSET = HEADER_BYTES + 8;

/** Where nobody listens: frames come from here. */
const SOCKET = "/run/agent.sock";

/** The descriptors that a shim passes: the pod's namespace, and a socket in it. */
const POD_FDS = [10, 11] as const;

/** Descriptors of connections. */
const FIRST_CONNECTION = 100_000;

/** What an ADD has asked of the system. */
export interface Asked {
  /** Trips to a thread. */
  trips: number;
  /** Netlink sockets whose options were set. */
  prepared: number[];
}

export interface Rehearsal {
  /** Resolves when the ADD of this pod is answered and logged. Each pod once. */
  readonly serve: (pod: number) => Promise<void>;
  readonly asked: Asked;
}

/** As the kernel answers the steps of an ADD: with nothing, but for the link that is asked for. */
function answer({ bytes }: NativeStep): Buffer | undefined {
  if (readU16(bytes, TYPE_OFFSET) !== RTM_GETLINK) return undefined;
  const reply = Buffer.alloc(HEADER_BYTES + IFINFOMSG_BYTES);
  writeU32(reply, 0, reply.length);
  writeU16(reply, TYPE_OFFSET, RTM_NEWLINK);
  writeU32(reply, SEQUENCE_OFFSET, readU32(bytes, SEQUENCE_OFFSET));
  writeU32(reply, FLAGS_OFFSET, IFF_RUNNING);
  return reply;
}

function unused(): never {
  throw new Error("Cannot serve this: only ADDs of new pods are rehearsed");
}

/** Attaches pods as the agent does, by a kernel that does everything at once. */
function createPromptKernel(asked: Asked): Pick<Kernel, "attachPod"> {
  let lastFd = 100;
  const native = {
    openNetlink: () => ++lastFd,
    prepareNetlink: (fd: number) => void asked.prepared.push(fd),
    close: () => undefined,
    request(steps: readonly NativeStep[]) {
      asked.trips++;
      return Promise.resolve(steps.map(answer));
    },
  };
  const rtnetlink = createNetlinkClient(native);
  const netfilter = createNetlinkClient(native);
  const nftables = createNftables({ netfilter, rtnetlink, onRestored: () => undefined });
  let lastLinkIndex = 1_000_000;
  const context = {
    rtnetlink,
    bridgeIndex: 7,
    hasIpv6: true,
    nextLinkIndex: () => (lastLinkIndex += 2),
    encodePod: createPodEncoder(),
    clusterCidrs: () => [],
  };
  return {
    attachPod(plan, sockets, _clusterCidrs, { earlyReply } = {}) {
      const { host, pod, attachment } = plan;
      const { addresses } = attachment;
      return nftables.admit<AttachOutcome>(
        {
          sources: { hostLink: host.link, mac: pod.mac, addresses, anySource: false },
          isFast: true,
        },
        (admission) => attachPod({ ...context, admission, earlyReply }, plan, sockets),
      );
    },
  };
}

function createAddCommands(asked: Asked): ReturnType<typeof createCommands> {
  const cidr = parseCidr("10.0.0.0/8");
  const ipam = createIpam();
  ipam.setPodCidrs(cidr === undefined ? [] : [cidr]);
  const hostPorts = createHostPortTable();
  const kernel = {
    ...createPromptKernel(asked),
    checkPod: unused,
    checkRuleset: unused,
    detachPod: unused,
    listAttachments: unused,
    listListeners: unused,
  };
  return createCommands(
    {
      kernel,
      ipam,
      hostPorts,
      attachments: createAttachments(ipam, hostPorts),
      policies: { admit: () => Promise.resolve(undefined), release: () => Promise.resolve() },
      readiness: { reasons: () => [] },
      bridge: "cw0",
      allowSourceSpoofing: false,
      onIgnoredSetting: unused,
      clusterCidrs: () => [],
      mtu: () => 1500,
      nowMs: () => performance.now(),
    },
    createSharedLock(),
  );
}

/**
 * Serves ADDs of made-up pods as the agent does, from the frame of the shim to reply and log; only the kernel
 * is missing.
 */
export function createRehearsal({ observe }: Pick<ServerInput, "observe">): Rehearsal {
  const asked: Asked = { trips: 0, prepared: [] };
  let onRequest: Parameters<ShimTransport["listen"]>[1]["onRequest"] = unused;
  let onReply: () => void = unused;
  startCniServer({
    transport: {
      listen(_path, handlers) {
        ({ onRequest } = handlers);
        return { stop: () => undefined };
      },
      reply: () => onReply(),
      drop: () => onReply(),
      isGone: () => false,
      descriptorOf: (connection) => FIRST_CONNECTION + connection,
      close: () => undefined,
      whenIdle: () => Promise.resolve(),
    },
    socket: SOCKET,
    commands: createAddCommands(asked),
    log: createLog({ logLevel: "info", logFormat: "json" }, (bytes) => bytes.length).log,
    monotonicNs: process.hrtime.bigint,
    observe,
  });
  return {
    asked,
    serve: (pod) =>
      new Promise((resolve) => {
        onReply = () => setImmediate(resolve);
        onRequest(pod, frameOf(pod), [...POD_FDS]);
      }),
  };
}

function frameOf(pod: number): Buffer {
  const containerId = pod.toString(16).padStart(64, "0");
  const uid = `00000000-0000-4000-8000-${String(pod).padStart(12, "0")}`;
  const environment = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: containerId,
    CNI_NETNS: `/run/netns/${pod}`,
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=none;K8S_POD_NAME=pod-${pod};K8S_POD_UID=${uid};K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
  };
  return encodeRequestFrame(
    environment,
    JSON.stringify({ cniVersion: "1.0.0", name: "causeway", type: "causeway", socket: SOCKET }),
  );
}
