import { nearest } from "../text/nearest.ts";

/** What is wrong with a command line that `parseArgs` of Node.js has refused; `flags` are those that exist. */
export function describeParseFault(error: unknown, flags: readonly string[]): string {
  const message = (error as Error).message.replace(/\. To specify.*$/s, "");
  const [, given = ""] = /'(?:-\w, )?(--?[^' ]+)/.exec(message) ?? [];
  switch ((error as NodeJS.ErrnoException).code) {
    case "ERR_PARSE_ARGS_UNKNOWN_OPTION": {
      const close = nearest(given.replace(/^-+/, ""), flags);
      return `unknown flag "${given}"${close === undefined ? "" : `; did you mean "--${close}"?`}`;
    }
    case "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL":
      return message.replace(/^Unexpected argument '(.*)'.*$/s, 'unknown argument "$1"');
    case "ERR_PARSE_ARGS_INVALID_OPTION_VALUE":
      if (message.includes("does not take")) return `flag "${given}" takes no value`;
      if (message.includes("ambiguous"))
        return `flag "${given}" needs a value; one that begins with a dash is written ${given}=VALUE`;
      return `flag "${given}" needs a value`;
    default:
      return message;
  }
}
