import { askAgent, BUSY_TIMEOUT_MS } from "../report/ask-agent.ts";
import {
  type CommandInput,
  type CommandResult,
  isResult,
  readCommandLine,
} from "../settings/command-line.ts";
import { printable } from "../text/printable.ts";
import { renderPage } from "./render-page.ts";

export const PAGE = {
  name: "page",
  summary: "Prints the node's page as HTML: causeway page >node.html",
  switches: {},
  settings: ["socket"],
  exitCodes: "0 done, 1 no answer from the agent, 2 wrong usage",
} as const;

export async function printPage({ args }: CommandInput): Promise<CommandResult> {
  const read = readCommandLine(PAGE, args);
  if (isResult(read)) return read;
  const answer = await askAgent(read.settings.socket, { query: "report", timeoutMs: BUSY_TIMEOUT_MS });
  if (answer.kind === "answer")
    return { exitCode: 0, stdout: renderPage(answer.report, { isLive: false }), stderr: "" };
  const reason = printable(answer.reason);
  const stderr = `causeway: Cannot print the page: ${reason}; causeway status shows what the kernel knows\n`;
  return { exitCode: 1, stdout: "", stderr };
}
