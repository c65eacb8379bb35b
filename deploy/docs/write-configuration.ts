/** Writes docs/configuration.md. usage: npm run docs */
import { writeFileSync } from "node:fs";
import { CONFIGURATION_DOC, writeConfigurationDoc } from "./configuration.ts";

writeFileSync(CONFIGURATION_DOC, writeConfigurationDoc());
