import type { Config } from "../../settings/config.ts";
import type { ApiClient } from "../api/api-client.ts";
import { watchObjectsFile, type ObjectsFileOptions } from "./objects-file.ts";
import type { PolicySource } from "./policy-source.ts";
import { watchPolicyObjects } from "./watch-policy-objects.ts";

export interface OpenPolicySourceInput extends Pick<ObjectsFileOptions, "onChange" | "log" | "clock"> {
  readonly config: Pick<Config, "nodeName" | "objectsFile">;
  /** Undefined in standalone mode, where a file has the objects. */
  readonly client: ApiClient | undefined;
}

/** Opens the source of policies that the configuration names: the objects file, or the Kubernetes API. */
export function openPolicySource({ config, client, ...options }: OpenPolicySourceInput): PolicySource {
  const { nodeName, objectsFile } = config;
  if (objectsFile !== undefined) return watchObjectsFile({ ...options, nodeName, path: objectsFile });
  if (client === undefined) throw new Error("Cannot follow network policies: there is no source of objects");
  return watchPolicyObjects({ ...options, client, nodeName, random: Math.random });
}
