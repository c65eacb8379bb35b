import { spawn } from "node:child_process";

/** nft takes milliseconds; one that hangs must not hold up the node for ever. */
const NFT_TIMEOUT_MS = 10_000;

/**
 * Runs nft and gives its stdout; an error carries the first line of what nft said, for people: nothing is
 * decided by it.
 */
export async function runNft(args: readonly string[], input: string): Promise<string> {
  const child = spawn("nft", args, {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: NFT_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const chunks: { readonly out: Buffer[]; readonly err: Buffer[] } = { out: [], err: [] };
  child.stdout.on("data", (chunk: Buffer) => chunks.out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.err.push(chunk));
  child.stdin.on("error", () => undefined); // nft that ends early reports itself by its exit code
  child.stdin.end(input);
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`Cannot run nft: ${cause.message}`, { cause })));
    child.once("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  if (code === 0) return Buffer.concat(chunks.out).toString("utf8");
  const reason = Buffer.concat(chunks.err).toString("utf8").trim().split("\n").slice(0, 2).join(" ");
  throw new Error(`Cannot run nft ${args.join(" ")}: exit ${code} (${reason})`);
}

/** What `nft -j list …` gives: objects as in libnftables-json(5). */
export async function listNft<Listed>(...what: readonly string[]): Promise<readonly Listed[]> {
  const text = await runNft(["-j", "list", ...what], "");
  return (JSON.parse(text) as { readonly nftables: readonly Listed[] }).nftables;
}

/**
 * The image's; the one before that Debian has, 0.9.8, declares no map from several fields to address and
 * port.
 */
const OLDEST_NFT = [1, 0, 6] as const;

/**
 * That the nft program is older than it must be, in words; undefined when it is not, or does not say. Asked
 * only after a failure.
 */
export async function describeOldNft(): Promise<string | undefined> {
  const said = await runNft(["--version"], "").catch(() => "");
  const version = /\bv(\d+)\.(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number) ?? [...OLDEST_NFT];
  const difference = version.map((part, index) => part - (OLDEST_NFT[index] ?? 0)).find((part) => part !== 0);
  if (difference === undefined || difference > 0) return undefined;
  return `nft ${version.join(".")} is too old; it must be ${OLDEST_NFT.join(".")} or newer, as that of the image is`;
}
