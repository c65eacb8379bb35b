import assert from "node:assert/strict";
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import packageJson from "../../package.json" with { type: "json" };
import type { Pod } from "../containerd/pods.ts";
import { runCommand } from "../lib/command.ts";
import { expectErrors, expectNotReady } from "../lib/end-of-test.ts";
import { askMirror, MIRROR_PORT, startMirror } from "../lib/mirror.ts";
import { startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitUntilHolds } from "../lib/wait-for.ts";
import { type AgentContainer, IMAGE, type ImageLab } from "./image-lab.ts";

/** CAP_NET_ADMIN is bit 12, CAP_DAC_OVERRIDE bit 1 (linux/capability.h). */
const ONLY_NET_ADMIN = "0000000000001000";

/**
 * The image as the DaemonSet runs it: one life of an agent after the other, each test from where the last one
 * ended.
 */
export function testAgent(getLab: () => ImageLab): void {
  let agent: AgentContainer | undefined;
  const running = (): AgentContainer => agent ?? assert.fail("no agent runs");

  test("an agent that may not set IPv6 forwarding says so, and what to run on the node", async () => {
    agent = await getLab().startAgent();
    const said = async (): Promise<void> => {
      const { status, text } = await running().readyz();
      assert.equal(status, 503);
      assert.match(text, /IPv6 forwarding is off .*sysctl -w net.ipv6.conf.all.forwarding=1/);
    };
    await waitUntilHolds("the reason", said, { timeoutMs: 20_000, intervalMs: 100 });
    assert.deepEqual(readdirSync(getLab().cniConfDir), []);
    expectNotReady(/IPv6 forwarding is off/);
    expectErrors(/IPv6 forwarding is off/);
  });

  test("the init container of ipv6Forwarding.enabled sets it, and the agent gets ready by itself", async () => {
    // Those of the agent that still waits for it.
    expectErrors(/IPv6 forwarding is off/);
    assert.deepEqual(await getLab().runInitContainers("ipv6Forwarding.enabled=true"), [0]);
    await running().waitUntilReady();
  });

  test("the container has CAP_NET_ADMIN, no new privileges, a seccomp filter and nothing else", () => {
    const status = readFileSync(`${running().processFolder}/status`, "utf8");
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:\\s+(\\S+)$`, "m").exec(status)?.[1];
    for (const set of ["CapEff", "CapPrm", "CapBnd"]) assert.equal(field(set), ONLY_NET_ADMIN, set);
    for (const set of ["CapInh", "CapAmb"]) assert.match(field(set) ?? "", /^0+(1000)?$/, set);
    assert.equal(field("NoNewPrivs"), "1");
    assert.equal(field("Seccomp"), "2");
  });

  test("the container's root is read-only, and it writes to three folders of the node", () => {
    const mounts = readFileSync(`${running().processFolder}/mountinfo`, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([, , , , path = "", options = ""]) => ({ path, writable: options.split(",").includes("rw") }));
    assert.equal(mounts.find(({ path }) => path === "/")?.writable, false);
    const kernels = /^\/(proc|sys|dev)(\/|$)/;
    const writable = mounts
      .filter(({ path, writable: may }) => may && !kernels.test(path))
      .map(({ path }) => path);
    // The runtime's own files, which are this container's.
    const files = new Set(["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]);
    assert.deepEqual(writable.filter((path) => !files.has(path)).toSorted(), [
      "/etc/cni/net.d",
      "/opt/cni/bin",
      "/run/causeway",
    ]);
  });

  test("people can run the program in the container, for its version and the node's status, and nft", async () => {
    const { cri } = getLab().containerd;
    const run = async (...command: readonly string[]): Promise<string> => {
      const { code, output } = await cri.execute(running().id, command);
      assert.equal(code, 0, output);
      return output.trim();
    };
    assert.equal(await run("causeway", "--version"), packageJson.version);
    assert.match(await run("causeway", "status"), /ready/);
    assert.match(await run("/usr/sbin/nft", "list", "tables"), /table inet causeway/);
  });

  test("pods reach each other and the world, through the agent in its container", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    assert.equal(one.status.ips.length, 2);
    const outside = await startMirror("mirror-outside", lab.network.outside.enter, lab.folder);
    t.after(() => outside.stop());
    for (const index of [0, 1] as const) {
      await runCommand([...one.enter, "ping", "-c", "1", "-W", "2", two.status.ips[index] ?? ""]);
      const seen = await askMirror(lab.busybox, one.enter, lab.network.outsideAddresses[index]);
      assert.equal(seen, lab.network.nodeAddresses[index]);
    }
  });

  test("pods with host ports leave the node ready: the image has no /etc/protocols", async (t) => {
    const lab = getLab();
    const { outside, nodeAddresses, routerAddresses } = lab.network;
    const { cri } = lab.containerd;
    assert.notEqual((await cri.execute(running().id, ["cat", "/etc/protocols"])).code, 0);
    const port = { protocol: "TCP", container_port: MIRROR_PORT } as const;
    const pod = await lab.pods.run("web", {
      portMappings: [
        { ...port, host_port: 8080 },
        { ...port, host_port: 8081, host_ip: nodeAddresses[0] },
        { ...port, host_port: 8082, protocol: "UDP" },
      ],
    });
    t.after(() => lab.pods.remove(pod.id));
    const server = await startMirror("mirror-web", pod.enter, lab.folder);
    t.after(() => server.stop());
    assert.deepEqual(await running().verify(), []);
    await runCommand([
      ...lab.network.node.enter,
      "nft",
      "flush",
      "chain",
      "inet",
      "causeway",
      "hostports-prerouting",
    ]);
    await running().stop();
    agent = await lab.startAgent();
    await running().waitUntilReady();
    assert.deepEqual(await running().verify(), []);
    for (const hostPort of [8080, 8081]) {
      const seen = await askMirror(lab.busybox, outside.enter, nodeAddresses[0], hostPort);
      assert.equal(seen, routerAddresses[0]);
    }
  });

  test("the server of helm test runs in a pod without any right, and tells its client's address", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    await lab.containerd.cri.runContainer(two.id, two.input, IMAGE, {
      command: ["/usr/local/bin/node", "/test/connectivity.mts", "serve"],
      mounts: [
        {
          container_path: "/test",
          host_path: join(REPOSITORY, "charts", "causeway", "files"),
          readonly: true,
        },
      ],
      linux: {
        security_context: {
          run_as_user: { value: 65_534 },
          run_as_group: { value: 65_534 },
          readonly_rootfs: true,
          no_new_privs: true,
          capabilities: { drop_capabilities: ["ALL"] },
          seccomp: { profile_type: "RuntimeDefault" },
        },
      },
    });
    for (const index of [0, 1] as const) {
      const asked = async (): Promise<void> =>
        assert.equal(
          await askMirror(lab.busybox, one.enter, two.status.ips[index] ?? "", 8080),
          one.status.ips[index],
        );
      await waitUntilHolds("the server's answer", asked, { timeoutMs: 10_000, intervalMs: 100 });
    }
  });

  test("an agent that is replaced costs running pods no packet, and pods that start meanwhile only time", async (t) => {
    const lab = getLab();
    const [one, two] = await runTwo(t, lab);
    const ping = await startPing(lab, one, two);
    assert.equal(await running().stop(), 0);
    const late = lab.pods.run("late");
    agent = await lab.startAgent('config.logLevel="debug"');
    const { id, status } = await late;
    t.after(() => lab.pods.remove(id));
    assert.equal(status.ips.length, 2);
    await running().waitUntilReady();
    const { stdout } = await ping.end();
    assert.match(stdout, / 0% packet loss/);
  });

  test("a folder that root does not own is named with the cause, and extraCapabilities helps", async (t) => {
    const lab = getLab();
    t.after(() => chownSync(lab.cniBinDir, 0, 0));
    await running().stop();
    chownSync(lab.cniBinDir, 1000, 1000);
    rmSync(join(lab.cniBinDir, "causeway"));
    agent = await lab.startAgent();
    const said = async (): Promise<void> => {
      const { status, text } = await running().readyz();
      assert.equal(status, 503);
      assert.match(text, /installation: Cannot write "\/opt\/cni\/bin\/causeway": EACCES: permission denied/);
    };
    await waitUntilHolds("the reason", said, { timeoutMs: 20_000, intervalMs: 100 });
    await running().stop();
    agent = await lab.startAgent('extraCapabilities=["DAC_OVERRIDE"]');
    await running().waitUntilReady();
  });

  test("a folder that somebody has made anew is named, since the container still has the old one", async () => {
    const { cniBinDir } = getLab();
    rmSync(cniBinDir, { recursive: true });
    mkdirSync(cniBinDir);
    const said = async (): Promise<void> => {
      const { status, text } = await running().readyz();
      assert.equal(status, 503);
      assert.match(text, /installation: .*ENOENT/);
    };
    await waitUntilHolds("the reason", said, { timeoutMs: 20_000, intervalMs: 100 });
    await running().stop();
    agent = await getLab().startAgent();
    await running().waitUntilReady();
    assert.deepEqual(readdirSync(cniBinDir).toSorted(), ["causeway", "loopback"]);
  });
}

async function runTwo(t: TestContext, lab: ImageLab): Promise<readonly [Pod, Pod]> {
  const pods = [await lab.pods.run("one"), await lab.pods.run("two")] as const;
  t.after(() => Promise.all(pods.map(({ id }) => lab.pods.remove(id))));
  return pods;
}

/** A ping every 50 ms from one pod to the other until it is ended. */
async function startPing(
  lab: ImageLab,
  one: Pod,
  two: Pod,
): Promise<{ end(): Promise<{ readonly stdout: string }> }> {
  const command = [...one.enter, "ping", "-i", "0.05", two.status.ips[0] ?? ""];
  const ping = await startProcess({ name: "ping", command, folder: lab.folder });
  await ping.waitForLine(/bytes from/, 5000);
  return {
    async end() {
      await ping.stop("SIGINT");
      return { stdout: ping.output() };
    },
  };
}
