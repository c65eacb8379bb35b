import type { Metrics } from "../metrics/metrics.ts";
import type { Activity } from "../report/recent/activity.ts";

type OnRepair = (kind: string, fault: string) => void;

/** Who is told when the agent puts back what somebody has changed. */
export interface Repairs {
  readonly tell: OnRepair;
  /** Tells `hear`, too, until the answer is called. */
  hear(hear: OnRepair): () => void;
}

export function createRepairs({
  metrics,
  activity,
}: {
  readonly metrics: Pick<Metrics, "countRepair">;
  readonly activity: Pick<Activity, "repaired">;
}): Repairs {
  const hearers = new Set<OnRepair>();
  return {
    tell(kind, fault) {
      metrics.countRepair(kind);
      activity.repaired(kind, fault);
      for (const hear of hearers) hear(kind, fault);
    },
    hear(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
  };
}
