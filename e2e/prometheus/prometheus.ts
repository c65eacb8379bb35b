import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { Netns } from "../lib/netns.ts";
import { type ManagedProcess, startProcess } from "../lib/process.ts";
import { REPOSITORY } from "../lib/tools.ts";
import { waitFor } from "../lib/wait-for.ts";

/** What a query over a time gives: points of time in seconds and value, of each series. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
}

/** A real Prometheus, in the namespace of the node that it scrapes. */
export interface Prometheus {
  /** Firing alerts of that name. */
  firing(name: string): Promise<readonly Alert[]>;
  /** Answers of an expression for the time between two points, in seconds. */
  queryRange(query: string, range: { start: number; end: number; step: number }): Promise<readonly Series[]>;
  /** Resolves after a scrape that has begun from now on. */
  scraped(): Promise<void>;
  stop(): Promise<void>;
}

const PORT = 9090;

/** Path of a program of Debian's package. */
export function prometheusTool(name: "prometheus" | "promtool"): string {
  const cache = process.env["CAUSEWAY_CACHE"] ?? join(REPOSITORY, ".cache");
  return join(cache, "packages", "prometheus", "usr", "bin", name);
}

/**
 * Starts a Prometheus that scrapes and evaluates `rules` every second. `targets`: keys of a scrape
 * configuration that say what.
 */
export async function startPrometheus(input: {
  readonly folder: string;
  readonly netns: Netns;
  readonly targets: object;
  readonly rules: string;
}): Promise<Prometheus> {
  const { folder, netns, targets, rules } = input;
  const data = join(folder, "prometheus");
  mkdirSync(data);
  writeFileSync(join(data, "rules.yaml"), rules);
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: [join(data, "rules.yaml")],
    scrape_configs: [{ job_name: "causeway", ...targets }],
  };
  writeFileSync(join(data, "prometheus.yml"), JSON.stringify(config));
  const flags = {
    "config.file": join(data, "prometheus.yml"),
    "storage.tsdb.path": join(data, "tsdb"),
    "web.listen-address": `127.0.0.1:${PORT}`,
  };
  const server = await startProcess({
    name: "prometheus",
    command: [
      ...netns.enter,
      prometheusTool("prometheus"),
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ],
    folder,
  });
  const relay = await startRelay(folder, netns);
  const ask = (path: string): Promise<unknown> => getJson(join(folder, "prometheus.sock"), path);
  const stop = async (): Promise<void> => {
    await server.stop();
    await relay.stop();
  };
  const prometheus: Prometheus = {
    async firing(name) {
      const { alerts } = (await ask("/api/v1/alerts")) as { alerts: readonly Alert[] };
      return alerts.filter(({ labels, state }) => labels["alertname"] === name && state === "firing");
    },
    async queryRange(query, { start, end, step }) {
      const parameters = { query, start: String(start), end: String(end), step: String(step) };
      const path = `/api/v1/query_range?${new URLSearchParams(parameters).toString()}`;
      return ((await ask(path)) as { result: readonly Series[] }).result;
    },
    async scraped() {
      const sinceMs = Date.now();
      const probe = async (): Promise<true | undefined> => {
        const { activeTargets } = (await ask("/api/v1/targets")) as {
          activeTargets: readonly { health: string; lastError: string; lastScrape: string }[];
        };
        const [only] = activeTargets;
        if (only?.health !== "up") throw new Error(only?.lastError ?? "no target");
        return Date.parse(only.lastScrape) > sinceMs ? true : undefined;
      };
      await waitFor("a scrape", probe, { timeoutMs: 30_000, intervalMs: 50 });
    },
    stop,
  };
  await prometheus.scraped().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return prometheus;
}

async function startRelay(folder: string, netns: Netns): Promise<ManagedProcess> {
  const script = join(REPOSITORY, "e2e", "lib", "unix-relay.ts");
  const listen = [process.execPath, script, join(folder, "prometheus.sock"), "127.0.0.1", String(PORT)];
  const relay = await startProcess({
    name: "prometheus-relay",
    command: [...netns.enter, ...listen],
    folder,
  });
  await relay.waitForLine(/^listening$/, 5000);
  return relay;
}

/**
 * The data of an answer; throws what Prometheus says against the question, in plain text while it is
 * starting.
 */
async function getJson(socketPath: string, path: string): Promise<unknown> {
  const { code, body } = await get(socketPath, path);
  if (code === 503) throw new Error(`Prometheus does not serve ${path} yet: ${body.trim()}`);
  const { status, data, error } = JSON.parse(body) as { status: string; data: unknown; error?: string };
  if (status !== "success") throw new Error(`Prometheus refuses ${path}: ${error}`);
  return data;
}

function get(
  socketPath: string,
  path: string,
): Promise<{ readonly code: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false, timeout: 5000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("error", reject);
      response.once("end", () => resolve({ code: response.statusCode, body }));
    });
    asked.once("timeout", () => asked.destroy(new Error(`No answer to GET ${path} within 5 s`)));
    asked.once("error", reject);
    asked.end();
  });
}
