import { statSync } from "node:fs";
import type { Release } from "../reference.ts";
import type { Figure } from "./figures.ts";

/**
 * What lies on a node's disk. The reference plugins are those of one network with host ports and a bandwidth
 * limit.
 */
export function measureSizes(release: Release): Figure[] {
  const built = (path: string): string => new URL(`../../dist/${path}`, import.meta.url).pathname;
  const reference = ["bridge", "host-local", "portmap", "bandwidth", "loopback"].map(
    (name) => `${release.folder}/${name}`,
  );
  return [
    figure("size: shim", [built("bin/causeway")]),
    figure("size: agent's bundle", [built("causeway.mjs")]),
    figure("size: agent's addon", [built("kernel.node")]),
    figure("size: Node.js", [process.execPath]),
    figure(`size: bridge, host-local, portmap, bandwidth, loopback ${release.version}`, reference),
  ];
}

function figure(name: string, paths: readonly string[]): Figure {
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  return { name, value: bytes / 1000, unit: "KB" };
}
