import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { REPOSITORY } from "./tools.ts";

/** The definition of ClusterNetworkPolicy, which releases of the chart have, and git has not. */
const DEFINITION = "files/clusternetworkpolicies.yaml";

/** Copies the chart as git has it into a folder that is not there yet. */
export function copyChart(folder: string): void {
  cpSync(join(REPOSITORY, "charts", "causeway"), folder, { recursive: true });
  rmSync(join(folder, DEFINITION), { force: true });
}

/** The same as releases have it; answers the path of the definition. */
export async function copyReleasedChart(folder: string): Promise<string> {
  copyChart(folder);
  await runCommand([join(REPOSITORY, "deploy", "add-crds.sh"), folder]);
  return join(folder, DEFINITION);
}
