/**
 * What `helm test` runs in pods, with the agent's image.
 * usage: node connectivity.mts serve | ask
 * `serve` tells every TCP client the address that it sees of it. `ask` takes the servers from the Kubernetes
 * API, asks each, and connects to the targets in EGRESS ("HOST:PORT …"); exit code 1 unless all answered
 * within TIMEOUT_SECONDS.
 */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const PORT = 8080;
const TRY_MS = 3000;
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

const { env } = process;
const setting = (name: string): string => {
  const value = env[name];
  if (value === undefined) throw new Error(`Cannot test: environment variable ${name} is not set`);
  return value;
};

interface Server {
  readonly node: string;
  readonly address: string;
}

function serve(): void {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${plain(socket.remoteAddress ?? "")}\n`);
  });
  // Without an address Node.js takes both families, or IPv4 alone on a kernel without IPv6.
  server.listen(PORT, () => console.log("Serving"));
  process.once("SIGTERM", () => process.exit(0));
}

/** An IPv4 client of a socket for both families. */
function plain(address: string): string {
  return address.replace(/^::ffff:/, "");
}

/** Connects, and gives the first bytes that come; with `isSilent` the connection itself is enough. */
function talk(host: string, port: number, isSilent: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: TRY_MS });
    const end = (error?: Error, text = ""): void => {
      socket.destroy();
      if (error === undefined) resolve(text);
      else reject(error);
    };
    socket.once("timeout", () => end(new Error(`no answer within ${TRY_MS} ms`)));
    socket.once("error", end);
    socket.once("connect", () => isSilent && end());
    socket.once("data", (bytes) => end(undefined, String(bytes).trim()));
    socket.once("end", () => end(new Error("closed without an answer")));
  });
}

/** The servers' addresses, all families of each; how many nodes should have one comes from the DaemonSet. */
async function findServers(): Promise<{ servers: Server[]; wanted: number }> {
  const namespace = readFileSync(`${ACCOUNT}/namespace`, "utf8");
  const daemonSet = await get(`/apis/apps/v1/namespaces/${namespace}/daemonsets/${setting("SERVERS")}`);
  const labels = encodeURIComponent(setting("SELECTOR"));
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${labels}`;
  const pods = await get(path);
  const servers = pods.items.flatMap(({ spec, status }) =>
    (status.podIPs ?? []).map(({ ip }) => ({ node: spec.nodeName, address: ip })),
  );
  return { servers, wanted: daemonSet.status.desiredNumberScheduled };
}

interface ApiObject {
  readonly status: { readonly desiredNumberScheduled: number };
  readonly items: readonly {
    readonly spec: { readonly nodeName: string };
    readonly status: { readonly podIPs?: readonly { readonly ip: string }[] };
  }[];
}

function get(path: string): Promise<ApiObject> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: setting("KUBERNETES_SERVICE_HOST"),
      port: setting("KUBERNETES_SERVICE_PORT"),
      path,
      ca: readFileSync(`${ACCOUNT}/ca.crt`),
      headers: { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, "utf8").trim()}` },
      timeout: TRY_MS,
    });
    asked.once("timeout", () => asked.destroy(new Error(`no answer within ${TRY_MS} ms`)));
    asked.once("error", reject);
    asked.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as ApiObject);
        else reject(new Error(`${response.statusCode} ${text}`));
      });
    });
    asked.end();
  });
}

interface Check {
  readonly name: string;
  /** Throws when it fails, and gives what is worth telling. */
  run(): Promise<string>;
}

function checkServer({ node, address }: Server): Check {
  return {
    name: `pod ${address} on ${node}`,
    async run() {
      const seen = await talk(address, PORT, false);
      const own = setting("POD_IPS").split(",");
      if (!own.includes(seen)) throw new Error(`it saw ${seen}, not this pod's ${own.join(" or ")}`);
      return `saw ${seen}`;
    },
  };
}

function checkEgress(target: string): Check {
  const colon = target.lastIndexOf(":");
  const host = target.slice(0, colon).replace(/^\[|\]$/g, "");
  return { name: `egress to ${target}`, run: () => talk(host, Number(target.slice(colon + 1)), true) };
}

/** One round over everything; gives the lines of what failed. */
async function round(): Promise<{ passed: string[]; failed: string[] }> {
  const passed: string[] = [];
  const failed: string[] = [];
  const attempt = async ({ name, run }: Check): Promise<void> => {
    try {
      passed.push(`ok      ${name} ${await run()}`.trimEnd());
    } catch (error) {
      failed.push(`failed  ${name}: ${(error as Error).message}`);
    }
  };
  const checks = setting("EGRESS").split(" ").filter(Boolean).map(checkEgress);
  await attempt({
    name: "egress to the Kubernetes API",
    async run() {
      const { servers, wanted } = await findServers();
      checks.push(...servers.map(checkServer));
      const nodes = new Set(servers.map(({ node }) => node)).size;
      if (nodes < wanted)
        failed.push(`failed  ${wanted - nodes} of ${wanted} nodes have no server pod with an address yet`);
      return "";
    },
  });
  await Promise.all(checks.map(attempt));
  return { passed: passed.toSorted(), failed: failed.toSorted() };
}

async function ask(): Promise<number> {
  const deadlineMs = performance.now() + Number(setting("TIMEOUT_SECONDS")) * 1000;
  for (;;) {
    const { passed, failed } = await round();
    if (failed.length === 0 || performance.now() > deadlineMs) {
      console.log([...passed, ...failed].join("\n"));
      return failed.length === 0 ? 0 : 1;
    }
    await delay(1000);
  }
}

if (process.argv[2] === "serve") serve();
else process.exitCode = await ask();
