import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/**
 * Environment variable of an agent under test: path of the file with the order. Only fault-preload.ts reads
 * it.
 */
export const FAULT_VARIABLE = "CAUSEWAY_FAULT_FILE";

/** What is to happen to the agent, and when: at step `step` (from 0) of the request of one container. */
export interface FaultOrder {
  readonly command: "ADD" | "DEL";
  readonly containerId: string;
  readonly step: number;
  readonly action: "kill" | "hold" | "none";
}

/** Names of the steps that a request has passed, a line each. */
export const reportPath = (path: string): string => `${path}.report`;

/** A held request goes on when this file is there. */
export const releasePath = (path: string): string => `${path}.release`;

export function giveOrder(path: string, order: FaultOrder): void {
  rmSync(reportPath(path), { force: true });
  rmSync(releasePath(path), { force: true });
  writeFileSync(path, JSON.stringify(order));
}

export function cancelOrder(path: string): void {
  rmSync(path, { force: true });
}

export function release(path: string): void {
  writeFileSync(releasePath(path), "");
}

/** The steps that the last order's request has passed. */
export function passedSteps(path: string): readonly string[] {
  if (!existsSync(reportPath(path))) return [];
  return readFileSync(reportPath(path), "utf8").trimEnd().split("\n");
}
