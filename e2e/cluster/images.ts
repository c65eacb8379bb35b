import { writeFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { PAUSE_IMAGE } from "../lib/containerd.ts";
import { buildPauseImage, buildProgramImage } from "../lib/image.ts";
import { REPOSITORY } from "../lib/tools.ts";

/** Of the test pods. */
export const PEER_IMAGE = "localhost/peer:test";

export const PEER_SOURCE = join(import.meta.dirname, "peer.c");

/** Of those that look for packets which a policy forbids. */
export const PROBER_IMAGE = "localhost/prober:test";

/** The reference under which `e2e/image/build.sh` makes the agent's image. */
export const AGENT_IMAGE = `localhost/causeway:${packageJson.version}`;

/** Writes archives of all images that nodes need; gives their paths. */
export async function writeImages(folder: string): Promise<readonly string[]> {
  const pause = join(folder, "pause.tar");
  writeFileSync(pause, await buildPauseImage(PAUSE_IMAGE));
  const peer = join(folder, "peer.tar");
  const program = { reference: PEER_IMAGE, source: PEER_SOURCE, entrypoint: ["/peer"] };
  writeFileSync(peer, await buildProgramImage(program));
  const prober = join(folder, "prober.tar");
  const source = join(import.meta.dirname, "prober.c");
  writeFileSync(
    prober,
    await buildProgramImage({ reference: PROBER_IMAGE, source, entrypoint: ["/prober"] }),
  );
  return [pause, peer, prober, join(REPOSITORY, "dist", "image.tar")];
}
