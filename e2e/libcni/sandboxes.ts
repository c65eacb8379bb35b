import { randomUUID } from "node:crypto";
import { runCommand } from "../lib/command.ts";
import { type IpView, viewOf } from "../lib/ip-json.ts";
import { removeNetns } from "../lib/netns.ts";
import type { CniPod, Libcni } from "./libcni.ts";
import type { NodeLab } from "./node-lab.ts";

/** A network namespace that stands for a pod's sandbox. */
export interface Sandbox extends CniPod {
  readonly name: string;
  /** Words before a command that let it run in the sandbox. */
  readonly enter: readonly string[];
  readonly view: IpView;
}

export interface Sandboxes {
  create(): Promise<Sandbox>;
  /** Removes the namespace under its container, as a node does that crashes. */
  lose(sandbox: Sandbox): Promise<void>;
  /** Detaches and removes whatever tests have left. */
  removeAll(): Promise<void>;
}

export function createSandboxes(lab: NodeLab, libcni: Libcni): Sandboxes {
  const existing = new Set<Sandbox>();
  let count = 0;
  return {
    async create() {
      count += 1;
      const name = `${lab.tag}-pod-${count}`;
      await runCommand(["ip", "netns", "add", name]);
      const netnsPath = `/run/netns/${name}`;
      const enter = ["nsenter", `--net=${netnsPath}`, "--"];
      const id = randomUUID().replaceAll("-", "").repeat(2);
      const sandbox: Sandbox = { name, id, netnsPath, enter, view: viewOf(enter) };
      existing.add(sandbox);
      return sandbox;
    },
    lose: ({ name }) => removeNetns(name),
    async removeAll() {
      await lab.agent();
      for (const sandbox of existing) {
        const { error } = await libcni.del({ conflist: lab.conflist, pod: sandbox });
        if (error !== undefined) throw new Error(`Cannot detach ${sandbox.name}: ${error.text}`);
        await removeNetns(sandbox.name);
        existing.delete(sandbox);
      }
    },
  };
}
