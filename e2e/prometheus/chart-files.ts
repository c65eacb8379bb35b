import { readFileSync } from "node:fs";
import { parse } from "yaml";

const FILES = new URL("../../charts/causeway/files/", import.meta.url);

export const RULES_FILE = new URL("rules.yaml", FILES);

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly annotations: Readonly<Record<"summary" | "description" | "runbook_url", string>>;
}

export function readAlerts(): readonly AlertRule[] {
  const { groups } = parse(readFileSync(RULES_FILE, "utf8")) as {
    readonly groups: readonly { readonly rules: readonly AlertRule[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export interface Panel {
  readonly id: number;
  readonly type: "row" | "stat" | "timeseries";
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit: string;
      readonly max?: number;
      readonly thresholds?: {
        readonly steps: readonly { readonly color: string; readonly value: number | null }[];
      };
    };
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface Dashboard {
  readonly links: readonly { readonly url: string }[];
  readonly panels: readonly Panel[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(new URL("dashboard.json", FILES), "utf8")) as Dashboard;
}

export function readPanels(): readonly Panel[] {
  return readDashboard().panels;
}
