import { nearest } from "../text/nearest.ts";

/** What is wrong with a command line that `parseArgs` of Node.js has refused; `flags` are those that exist. */
export function describeParseFault(error: unknown, flags: readonly string[]): string {
  const message = (error as Error).message.replace(/\. To specify.*$/s, "");
  const [, given = ""] = /'(--?[^' ]+)/.exec(message) ?? [];
  switch ((error as NodeJS.ErrnoException).code) {
    case "ERR_PARSE_ARGS_UNKNOWN_OPTION": {
      const close = nearest(given.replace(/^-+/, ""), flags);
      return `unknown flag "${given}"${close === undefined ? "" : `; did you mean "--${close}"?`}`;
    }
    case "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL":
      return message.replace(/^Unexpected argument '(.*)'.*$/s, 'unknown argument "$1"');
    default:
      return message.replace(/^Option '([^']*)' argument missing$/, "$1 is missing");
  }
}
