/**
 * Writes what the image says of the packages that were bundled into the program: sbom.cdx.json, and
 * THIRD-PARTY-LICENSES with their licenses' texts.
 * usage: node write-bill.ts METAFILE FOLDER   METAFILE: of esbuild
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type BundledPackage,
  formatBill,
  listBundledPackages,
  type Lockfile,
  type Metafile,
} from "./bundled-packages.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const LICENSE_FILE = /^(un)?licen[cs]e/i;

const [metafile = "", folder = ""] = process.argv.slice(2);
const { name, version } = readJson(join(REPOSITORY, "package.json")) as { name: string; version: string };
const lockfile = readJson(join(REPOSITORY, "package-lock.json")) as Lockfile;
const packages = listBundledPackages(readJson(metafile) as Metafile, lockfile);
writeFileSync(join(folder, "sbom.cdx.json"), formatBill(name, version, packages));
writeFileSync(join(folder, "THIRD-PARTY-LICENSES"), packages.map(licenseText).join("\n"));

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}

function licenseText({ folder: path, name: of, version: at, license }: BundledPackage): string {
  const file = readdirSync(join(REPOSITORY, path)).find((entry) => LICENSE_FILE.test(entry));
  if (file === undefined) throw new Error(`Cannot find the license of "${path}"`);
  const text = readFileSync(join(REPOSITORY, path, file), "utf8").trim();
  return `${"=".repeat(80)}\n${of} ${at} (${license})\n${"=".repeat(80)}\n\n${text}\n`;
}
