/** Writes the documents and drawings that are made from the source. usage: npm run docs */
import { writeFileSync } from "node:fs";
import { CHART_README, writeChartReadme } from "./chart-readme.ts";
import { COMMANDS_DOC, writeCommandsDoc } from "./commands.ts";
import { CONFIGURATION_DOC, writeConfigurationDoc } from "./configuration.ts";
import { PICTURES } from "./pictures/pictures.ts";

writeFileSync(CONFIGURATION_DOC, writeConfigurationDoc());
writeFileSync(CHART_README, writeChartReadme());
writeFileSync(COMMANDS_DOC, writeCommandsDoc());
for (const [path, draw] of Object.entries(PICTURES)) writeFileSync(path, draw());
