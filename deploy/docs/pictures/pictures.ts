import { join } from "node:path";
import { drawAdd } from "./add-picture.ts";
import { drawChange } from "./change-picture.ts";
import { drawCommandsChart, drawPolicyChart } from "./charts.ts";
import { drawDashboard, drawNarrowDashboard } from "./dashboard-picture.ts";
import { drawNode } from "./node-picture.ts";
import { drawPolicyTable } from "./policy-picture.ts";
import { arrow, box, drawing } from "./svg.ts";
import { drawWays } from "./ways-picture.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "docs", "pictures");

/** Every drawing of the docs by its path: `npm run docs` writes them. */
export const PICTURES: Readonly<Record<string, () => string>> = {
  [join(FOLDER, "node.svg")]: drawNode,
  [join(FOLDER, "ways.svg")]: drawWays,
  [join(FOLDER, "add.svg")]: drawAdd,
  [join(FOLDER, "change.svg")]: drawChange,
  [join(FOLDER, "policy.svg")]: drawPolicyTable,
  [join(FOLDER, "bench-commands.svg")]: drawCommandsChart,
  [join(FOLDER, "bench-policy.svg")]: drawPolicyChart,
  [join(FOLDER, "dashboard.svg")]: drawDashboard,
  [join(FOLDER, "dashboard-narrow.svg")]: drawNarrowDashboard,
  [join(FOLDER, "icon.svg")]: drawIcon,
};

/** For catalogues of charts: two pods, and the causeway between them. */
function drawIcon(): string {
  return drawing({
    width: 128,
    height: 128,
    title: "Causeway",
    parts: [
      box({ at: [12, 16], size: [44, 44], head: "" }),
      box({ at: [72, 16], size: [44, 44], head: "" }),
      box({ at: [12, 88], size: [104, 24], head: "", kind: "own" }),
      arrow(
        [
          [34, 60],
          [34, 100],
          [94, 100],
          [94, 62],
        ],
        1,
      ),
    ],
  });
}
