/** Writes the documents that are made from the source. usage: npm run docs */
import { writeFileSync } from "node:fs";
import { COMMANDS_DOC, writeCommandsDoc } from "./commands.ts";
import { CONFIGURATION_DOC, writeConfigurationDoc } from "./configuration.ts";

writeFileSync(CONFIGURATION_DOC, writeConfigurationDoc());
writeFileSync(COMMANDS_DOC, writeCommandsDoc());
