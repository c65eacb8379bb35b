/**
 * Loaded before the tests of a process: their sources are parsed once and not in each process. What they
 * start, such as an agent, gets none of it.
 */
import { enableCompileCache } from "node:module";

enableCompileCache(new URL("../../../.cache/node", import.meta.url).pathname);
