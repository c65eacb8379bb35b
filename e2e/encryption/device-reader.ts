import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WireGuardState } from "../../agent/plan/encryption/wireguard.ts";
import type { Netns } from "../lib/netns.ts";
import { waitFor, type WaitOptions } from "../lib/wait-for.ts";

export interface DeviceReader {
  /** Undefined without the device. */
  read(device: string): Promise<WireGuardState | undefined>;
  close(): Promise<void>;
}

export interface KeyedDevice extends WireGuardState {
  readonly publicKey: string;
}

/** The device once it is there with its key. */
export function waitForKey(reader: DeviceReader, device: string, options: WaitOptions): Promise<KeyedDevice> {
  const probe = async (): Promise<KeyedDevice | undefined> => {
    const state = await reader.read(device);
    return state?.publicKey === undefined ? undefined : (state as KeyedDevice);
  };
  return waitFor(`the key of device "${device}"`, probe, options);
}

/** Reads devices of a network namespace by one process: tests ask often, and in a guest Node starts slowly. */
export function startDeviceReader({ enter }: Netns): DeviceReader {
  const script = fileURLToPath(new URL("read-device.ts", import.meta.url));
  const [program, ...words] = [...enter, process.execPath, script];
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (device: string): Promise<WireGuardState | undefined> => {
    child.stdin.write(`${device}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error(`Cannot read device "${device}": the process has ended`);
    return (JSON.parse(value) as WireGuardState | null) ?? undefined;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    read(device) {
      const answer = last.then(() => ask(device));
      last = answer.catch(() => undefined);
      return answer;
    },
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
