import { join } from "node:path";
import { after, before, describe } from "node:test";
import { findTools, REPOSITORY } from "../lib/tools.ts";
import { testAgent } from "./agent-tests.ts";
import { testContent } from "./content-tests.ts";
import { createImageLab, type ImageLab } from "./image-lab.ts";

const archive = join(REPOSITORY, "dist", "image.tar");

describe("image", () => {
  testContent(archive);
});

describe("image in containerd", () => {
  let lab: ImageLab | undefined;
  const getLab = (): ImageLab => {
    if (lab === undefined) throw new Error("The lab could not be made");
    return lab;
  };
  before(async () => {
    lab = await createImageLab(await findTools(), archive);
  });
  after(async () => {
    await lab?.close();
  });
  testAgent(getLab);
});
