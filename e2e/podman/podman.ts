import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeCgroup } from "../lib/containerd.ts";
import { observeCommand } from "../lib/command.ts";
import { type IpView, viewOf } from "../lib/ip-json.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";
import { findTool, type NodeLab } from "../libcni/node-lab.ts";
import { planContainersConf, planStorageConf } from "./podman-config.ts";

export interface Container {
  readonly name: string;
  readonly addresses: readonly [ipv4: string, ipv6: string];
  readonly gateways: readonly [ipv4: string, ipv6: string];
  readonly mac: string;
  /** Words before a command that let it run in the container's network namespace. */
  readonly enter: readonly string[];
  readonly view: IpView;
  /** As podman sees it. */
  readonly pid: number;
}

export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Podman on the node, with a /run and a /var/lib of its own, so that it meets nothing of the machine's. */
export interface Podman {
  /** Runs podman to its end, whatever its exit code. */
  observe(args: readonly string[]): Promise<CommandEnd>;
  /** Gives its stdout; another exit code than 0 throws. */
  run(args: readonly string[]): Promise<string>;
  /** `podman run --detach` of a container that sleeps, with more options. */
  start(name: string, options?: readonly string[]): Promise<CommandEnd>;
  inspect(name: string): Promise<Container>;
  list(): Promise<readonly string[]>;
  removeAll(): Promise<void>;
  /** Runs a command in podman's mount and PID namespaces. */
  inside(command: readonly string[]): Promise<CommandEnd>;
  /** Ends everything; all mounts vanish with their namespace. */
  close(): Promise<void>;
}

const NETWORK = "causeway";

export async function startPodman(lab: NodeLab): Promise<Podman> {
  const folder = join(lab.folder, "podman");
  const etc = join(folder, "etc-containers");
  for (const path of [join(folder, "scratch"), etc]) mkdirSync(path, { recursive: true });
  const { cniBinDir, cniConfDir } = lab;
  writeFileSync(join(etc, "containers.conf"), planContainersConf({ cniBinDir, cniConfDir, folder }));
  writeFileSync(join(etc, "storage.conf"), planStorageConf({ folder }));
  const { init, close } = await holdNamespaces(lab, join(folder, "scratch"), etc);

  const clean = ["env", "-i", `PATH=${process.env["PATH"]}`, `HOME=${folder}`];
  const enter = ["nsenter", `--target=${init}`, "--mount", "--pid", "--net", "--"];
  const inside = (command: readonly string[]): Promise<CommandEnd> =>
    observeCommand([...enter, ...clean, ...command], { timeoutMs: 60_000 });
  const observe = (args: readonly string[]): Promise<CommandEnd> => inside(["podman", ...args]);
  const run = async (args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await observe(args);
    if (code !== 0) throw new Error(`Cannot run podman ${args.join(" ")}: exit ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  return {
    observe,
    run,
    inside,
    async start(name, options = []) {
      const rootfs = makeRootfs(join(folder, "rootfs", name));
      const place = ["--network", NETWORK, "--cgroup-parent", `/${lab.tag}`];
      const forPing = ["--cap-add", "NET_RAW"];
      const program = ["--rootfs", rootfs, "/bin/sleep", "1000"];
      return observe(["run", "--detach", "--name", name, ...place, ...forPing, ...options, ...program]);
    },
    inspect: async (name) =>
      describe(name, JSON.parse(await run(["container", "inspect", name])) as [Inspected], init),
    list: async () => (await run(["ps", "--all", "--format", "{{.Names}}"])).split("\n").filter(Boolean),
    async removeAll() {
      await run(["rm", "--all", "--force", "--time", "0"]);
      rmSync(join(folder, "rootfs"), { recursive: true, force: true });
    },
    close,
  };
}

/**
 * A process that holds mount and PID namespaces on the node, with which all containers end. The configuration
 * lies where podman looks for it: conmon calls podman to clean up, without the variables that could name
 * another place. Locks are in /dev/shm.
 */
async function holdNamespaces(
  { folder, network, tag }: NodeLab,
  scratch: string,
  etc: string,
): Promise<{ readonly init: number; close(): Promise<void> }> {
  const separate = ["--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const script = join(REPOSITORY, "e2e", "lib", "containerd-node.sh");
  const hold =
    'mount --bind "$1" /etc/containers && mount -t tmpfs tmpfs /dev/shm && echo held && exec sleep infinity';
  const command = ["unshare", ...separate, script, scratch, "sh", "-c", hold, "sh", etc];
  const holder = await startProcess({
    name: "podman-node",
    command: [...network.node.enter, ...command],
    folder,
  });
  await holder.waitForLine(/^held$/, 10_000);
  const init = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8"));
  return {
    init,
    async close() {
      await holder.stop("SIGKILL");
      const hasEnded = async (): Promise<true | undefined> =>
        (await observeCommand(["kill", "-0", String(init)])).code === 0 ? undefined : true;
      await waitFor("the end of all containers", hasEnded, { timeoutMs: 10_000 });
      removeCgroup(`/${tag}`);
    },
  };
}

interface Inspected {
  readonly State: { readonly Pid: number };
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<
        string,
        {
          readonly IPAddress: string;
          readonly GlobalIPv6Address: string;
          readonly Gateway: string;
          readonly IPv6Gateway: string;
          readonly MacAddress: string;
        }
      >
    >;
  };
}

function describe(name: string, [inspected]: [Inspected], init: number): Container {
  const { State, NetworkSettings } = inspected;
  const network = NetworkSettings.Networks[NETWORK];
  if (network === undefined) throw new Error(`Container "${name}" is not in network "${NETWORK}"`);
  const enter = ["nsenter", `--net=/proc/${init}/root/proc/${State.Pid}/ns/net`, "--"];
  return {
    name,
    addresses: [network.IPAddress, network.GlobalIPv6Address],
    gateways: [network.Gateway, network.IPv6Gateway],
    mac: network.MacAddress,
    enter,
    view: viewOf(enter),
    pid: State.Pid,
  };
}

/** A root file system with the programs that the tests run in containers. */
function makeRootfs(folder: string): string {
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["bin", "dev", "etc", "proc", "run", "sys", "tmp"])
    mkdirSync(join(folder, name), { recursive: true });
  copyFileSync(findTool("packages/busybox/bin/busybox"), join(folder, "bin", "busybox"));
  for (const name of ["ip", "ping", "sh", "sleep"]) symlinkSync("busybox", join(folder, "bin", name));
  return folder;
}
