import type { Containerd } from "../lib/containerd.ts";
import type { PodInput, PodStatus } from "../lib/cri.ts";
import { type IpView, viewOf } from "../lib/ip-json.ts";

/** A pod sandbox that containerd has made. */
export interface Pod {
  readonly id: string;
  readonly input: PodInput;
  readonly status: PodStatus;
  /** Words before a command that let it run in the pod's network namespace. */
  readonly enter: readonly string[];
  readonly view: IpView;
}

export interface Pods {
  /** What CRI is told of a pod of this name. */
  input(name: string): PodInput;
  run(name: string, more?: Omit<PodInput, "name" | "cgroupParent">): Promise<Pod>;
  /** The pod of a sandbox that was made otherwise than by `run`. */
  describe(id: string, input: PodInput): Promise<Pod>;
  /** Stops and removes, as a kubelet does. */
  remove(id: string): Promise<void>;
  /** Removes whatever a failed test has left. */
  removeAll(): Promise<void>;
}

export function createPods(containerd: Containerd, cgroupParent: string): Pods {
  const { cri } = containerd;
  const input = (name: string): PodInput => ({ name, cgroupParent });
  const describe = async (id: string, pod: PodInput): Promise<Pod> => {
    const status = await cri.podStatus(id);
    const enter = ["nsenter", `--net=${containerd.outerPath(`/proc/${status.pid}/ns/net`)}`, "--"];
    return { id, input: pod, status, enter, view: viewOf(enter) };
  };
  const remove = async (id: string): Promise<void> => {
    await cri.stopPod(id);
    await cri.removePod(id);
  };
  return {
    input,
    describe,
    remove,
    async run(name, more = {}) {
      const pod = { ...input(name), ...more };
      return describe(await cri.runPod(pod), pod);
    },
    async removeAll() {
      await Promise.all((await cri.listPods()).map(remove));
    },
  };
}
