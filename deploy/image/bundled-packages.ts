/** A package of npm of which the bundled program has something. */
export interface BundledPackage {
  /** Folder below the repository, such as node_modules/pino. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** SPDX identifier. */
  readonly license: string;
  /** Subresource integrity as the lock file has it: sha512-BASE64. */
  readonly integrity: string;
}

/** The part of esbuild's metafile that is read (https://esbuild.github.io/api/#metafile). */
export interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** The part of package-lock.json (version 3) that is read. */
export interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      { readonly version?: string; readonly license?: string; readonly integrity?: string } | undefined
    >
  >;
}

const PACKAGE_FOLDER = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
const PACKAGE_NAME = /(?:@[^/]+\/)?[^/]+$/;

/**
 * The packages of which the bundle has at least a byte, by name; throws when the lock file does not know one
 * whole.
 */
export function listBundledPackages(metafile: Metafile, lockfile: Lockfile): readonly BundledPackage[] {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? (PACKAGE_FOLDER.exec(path)?.[0] ?? []) : [],
  );
  return [...new Set(folders)].toSorted().map((folder) => {
    const { version, license, integrity } = lockfile.packages[folder] ?? {};
    if (version === undefined || license === undefined || integrity === undefined)
      throw new Error(`Cannot list "${folder}": package-lock.json lacks its version, license or integrity`);
    return { folder, name: PACKAGE_NAME.exec(folder)?.[0] ?? folder, version, license, integrity };
  });
}

/**
 * A bill of materials in CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/); the same packages give the
 * same text.
 */
export function formatBill(program: string, version: string, packages: readonly BundledPackage[]): string {
  const components = packages.map(({ name, version: of, license, integrity }) => ({
    type: "library",
    "bom-ref": packageUrl(name, of),
    name,
    version: of,
    purl: packageUrl(name, of),
    licenses: [{ license: { id: license } }],
    hashes: [{ alg: "SHA-512", content: sha512(integrity) }],
  }));
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "application", "bom-ref": program, name: program, version } },
    components,
    dependencies: [{ ref: program, dependsOn: components.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** https://github.com/package-url/purl-spec: the @ of a scope is percent-encoded. */
function packageUrl(name: string, version: string): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}

function sha512(integrity: string): string {
  const [, base64] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? [];
  if (base64 === undefined) throw new Error(`Cannot read the integrity "${integrity}": it is no SHA-512`);
  return Buffer.from(base64, "base64").toString("hex");
}
