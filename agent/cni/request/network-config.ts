import { isObject, type JsonObject } from "../../lib/json.ts";
import { CNI_CODE, CniError, invalidValue } from "../cni-error.ts";
import { showValue } from "../../text/show-value.ts";

/** Versions of the CNI specification that a configuration may ask for, oldest first. */
export const SUPPORTED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

/** Version of errors about a configuration that has none: every runtime reads it. */
export const DEFAULT_VERSION: CniVersion = "1.0.0";

/** No configuration is nested so deep, and to format a value that is takes more stack than there is. */
const MAX_DEPTH = 1000;

const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** What we use of a plugin configuration; unknown keys are ignored, as the specification asks. */
export interface NetworkConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  /** Passed through to the result, as the reference plugins do. */
  readonly dns: JsonObject | undefined;
  readonly raw: JsonObject;
}

/** Parses stdin. Throws CniError 6 (no JSON), 1 (version) or 7 (name), each with key and value. */
export function parseNetworkConfig(stdin: string): NetworkConfig {
  const raw = parseObject(stdin);
  const { name, dns } = raw;
  // A configuration without a version is one of 0.1.0 (SPEC.md 0.2.0, "cniVersion" was added then).
  const cniVersion = raw["cniVersion"] ?? "0.1.0";
  if (!isSupportedVersion(cniVersion)) {
    const known = SUPPORTED_VERSIONS.join(", ");
    const message = `Cannot use cniVersion ${showValue(cniVersion)}: supported values are ${known}`;
    throw new CniError(CNI_CODE.incompatibleVersion, message);
  }
  if (typeof name !== "string" || !NETWORK_NAME.test(name)) {
    throw invalidValue("name", name, 'a network name is letters, digits, "_", "." and "-"');
  }
  if (dns !== undefined && !isObject(dns)) throw invalidValue("dns", dns, "it is not an object");
  return { cniVersion, name, dns, raw };
}

/** The version that an error about `stdin` is written in. */
export function versionOf(stdin: string): CniVersion {
  try {
    const { cniVersion } = parseObject(stdin);
    return isSupportedVersion(cniVersion) ? cniVersion : DEFAULT_VERSION;
  } catch {
    return DEFAULT_VERSION; // unreadable stdin is what the error is about
  }
}

function isSupportedVersion(version: unknown): version is CniVersion {
  return (SUPPORTED_VERSIONS as readonly unknown[]).includes(version);
}

function parseObject(stdin: string): JsonObject {
  if (isDeep(stdin)) throw unreadable(`it is nested more than ${MAX_DEPTH} deep`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(stdin);
  } catch (cause) {
    throw unreadable(stdin.trim() === "" ? "it is empty" : (cause as Error).message, cause);
  }
  if (!isObject(parsed)) throw unreadable("it is not a JSON object");
  return parsed;
}

function unreadable(reason: string, cause?: unknown): CniError {
  const message = `Cannot parse network configuration on stdin: ${reason}`;
  return new CniError(CNI_CODE.decodeFailure, message, { cause });
}

/** Character by character: texts may hold brackets, and what is deep is not to be parsed. */
function isDeep(json: string): boolean {
  if (json.length <= MAX_DEPTH) return false;
  let depth = 0;
  let isText = false;
  for (let index = 0; index < json.length; index++) {
    const character = json[index];
    if (character === '"') isText = !isText;
    else if (isText) index += Number(character === "\\");
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}
