import type { Finding } from "../finding.ts";
import { shellWord } from "../shell.ts";

const NAME = "rival conflists";

/** `rivals`: paths of configurations that sort before ours. */
export function checkRivals(rivals: readonly string[]): readonly Finding[] {
  if (rivals.length === 0) return [{ name: NAME, verdict: "ok", evidence: "none sorts before Causeway's" }];
  return rivals.map((path) => ({
    name: NAME,
    verdict: "fail",
    evidence: `${path} sorts before Causeway's: runtimes load it instead, and pods get its network`,
    remedy: `mv ${shellWord(path)} ${shellWord(`${path}.disabled`)}`,
  }));
}
