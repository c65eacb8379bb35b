/**
 * Records for docs/support.md what a shell script has tried; does nothing without UPDATE_DOCS=1.
 * usage: node record-tried.ts WHAT PASSED FAILED
 */
import { recordTried } from "./tried-versions.ts";

const [what = "", passed, failed] = process.argv.slice(2);
recordTried([{ what, passed: Number(passed), failed: Number(failed) }]);
