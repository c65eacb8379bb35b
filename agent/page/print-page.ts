import { parseArgs } from "node:util";
import { messageOf } from "../lib/errors.ts";
import { OPTIONS } from "../settings/options.ts";
import { askAgent } from "../report/ask-agent.ts";
import { printable } from "../text/printable.ts";
import { renderPage } from "./render-page.ts";

export interface PrintPageInput {
  readonly args: readonly string[];
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

export const PAGE_USAGE = `usage: causeway page [--socket PATH] >node.html

Prints the node's page as it is now.

  --socket PATH  the agent's socket; default: ${OPTIONS.socket.schema.default}

exit code: 0 done, 1 no answer of the agent, 2 wrong usage
`;

const ANSWER_TIMEOUT_MS = 2000;

/** The page as a file, for who has no way to the agent's port. Answers the exit code. */
export async function printPage({ args, write, writeError }: PrintPageInput): Promise<number> {
  const flags = readFlags(args);
  if (typeof flags === "string") {
    writeError(`causeway: ${flags}\n\n${PAGE_USAGE}`);
    return 2;
  }
  if (flags.help === true) {
    write(PAGE_USAGE);
    return 0;
  }
  const answer = await askAgent(flags.socket, { query: "report", timeoutMs: ANSWER_TIMEOUT_MS });
  if (answer.kind === "silent") {
    writeError(
      `causeway: Cannot print the page: ${printable(answer.reason)}; causeway status tells what the kernel knows\n`,
    );
    return 1;
  }
  write(renderPage(answer.report, { isLive: false }));
  return 0;
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean" },
        socket: { type: "string", default: OPTIONS.socket.schema.default },
      },
    }).values;
  } catch (error) {
    return messageOf(error).replace(/\. To specify.*$/s, "");
  }
}
