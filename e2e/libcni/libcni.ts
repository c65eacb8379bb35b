import { join } from "node:path";
import { runCommand } from "../lib/command.ts";
import { findTool, type NodeLab } from "./node-lab.ts";

/** A result in the shape of CNI 0.3.0 and later. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac?: string;
    readonly mtu?: number;
    readonly sandbox?: string;
  }[];
  readonly ips: readonly {
    readonly interface?: number;
    readonly address: string;
    readonly gateway?: string;
  }[];
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

export interface CniFailure {
  /** 0 when libcni itself refused. */
  readonly code: number;
  readonly msg: string;
  readonly details: string;
  /** The whole error as a runtime would log it. */
  readonly text: string;
}

export interface CniAnswer {
  readonly result?: CniResult;
  readonly error?: CniFailure;
}

export interface CniPod {
  readonly id: string;
  readonly netnsPath: string;
}

export interface PodCall {
  readonly conflist: string;
  readonly pod: CniPod;
  readonly ifname?: string;
  readonly args?: readonly (readonly [string, string])[];
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

export interface GcCall {
  readonly conflist: string;
  /** Undefined sends no list, null what Go makes of an empty one that was never filled. */
  readonly valid: readonly { readonly containerID: string; readonly ifname: string }[] | null | undefined;
  /** Without its cache libcni cannot send a DEL for what is not in the list: all is left to the plugin. */
  readonly cache: "kept" | "lost";
}

/** The real libcni on the node. A failure of a plugin is an answer; only a driver that cannot ask throws. */
export interface Libcni {
  add(call: PodCall): Promise<CniAnswer>;
  check(call: PodCall): Promise<CniAnswer>;
  del(call: PodCall): Promise<CniAnswer>;
  gc(call: GcCall): Promise<CniAnswer>;
  status(conflist: string): Promise<CniAnswer>;
  /** VERSION of every plugin, as CRI-O asks before it takes a conflist. */
  validate(conflist: string): Promise<CniAnswer>;
}

/** `referenceDir` holds the reference plugins and comes first: `loopback` is there and among our own. */
export function createLibcni(
  { folder, network, cniBinDir }: Pick<NodeLab, "folder" | "network" | "cniBinDir">,
  referenceDir: string,
): Libcni {
  const program = [...network.node.enter, findTool("libcni-driver")];
  const place = {
    binDirs: [referenceDir, cniBinDir],
    cacheDir: join(folder, "cni-cache"),
  };
  const ask = async (verb: string, request: object): Promise<CniAnswer> => {
    const input = JSON.stringify({ ...place, verb, ...request });
    return JSON.parse(await runCommand(program, { input, timeoutMs: 60_000 })) as CniAnswer;
  };
  const askOfPod = (verb: string, { pod, ifname = "eth0", ...call }: PodCall): Promise<CniAnswer> =>
    ask(verb, { ...call, ifname, containerId: pod.id, netns: pod.netnsPath });
  return {
    add: (call) => askOfPod("ADD", call),
    check: (call) => askOfPod("CHECK", call),
    del: (call) => askOfPod("DEL", call),
    gc({ conflist, valid, cache }) {
      const cacheDir = cache === "kept" ? place.cacheDir : join(folder, "no-cni-cache");
      return ask("GC", { conflist, validAttachments: valid, cacheDir });
    },
    status: (conflist) => ask("STATUS", { conflist }),
    validate: (conflist) => ask("VALIDATE", { conflist }),
  };
}
