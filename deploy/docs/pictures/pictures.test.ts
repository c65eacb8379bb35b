import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { PICTURES } from "./pictures.ts";

for (const [path, draw] of Object.entries(PICTURES)) {
  test(`${basename(path)} is current; else run: npm run docs`, () => {
    assert.equal(readFileSync(path, "utf8"), draw());
  });

  test(`${basename(path)} has everything inside its frame, and a title`, () => {
    const svg = draw();
    const [, width = 0, height = 0] = (/viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []).map(Number);
    for (const [, x = 0, y = 0] of [...svg.matchAll(/ x="([\d.]+)" y="([\d.]+)"/g)].map((all) =>
      all.map(Number),
    ))
      assert.ok(x <= width && y <= height, `${x},${y}`);
    assert.match(svg, /<title>[^<]+<\/title>/);
  });
}
