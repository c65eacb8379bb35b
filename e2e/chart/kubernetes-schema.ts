import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from "ajv/dist/2020.js";
import { parseAllDocuments } from "yaml";
import { CACHE } from "./helm.ts";

/** A rendered object, as far as every object is alike. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Parses what helm rendered. Duplicate keys and other faults of the YAML throw. */
export function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS() as KubernetesObject | null;
    })
    .filter((object) => object !== null);
}

/** Versions of Kubernetes, such as "1.34", of which there is a schema. */
export const SCHEMA_VERSIONS: readonly string[] = readdirSync(join(CACHE, "kubernetes-schemas"))
  .map((name) => /^v(\d+\.\d+)\.0-local-strict$/.exec(name)?.[1])
  .filter((version) => version !== undefined);

/**
 * Gives what an API server of this version would not accept of an object, or would drop: unknown keys are
 * faults.
 */
export function openSchema(version: string): (object: KubernetesObject) => readonly string[] {
  const path = join(CACHE, "kubernetes-schemas", `v${version}.0-local-strict`, "_definitions.json");
  const schema = JSON.parse(readFileSync(path, "utf8")) as AnySchemaObject & { $id: string };
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(schema);
  const validators = new Map<string, ValidateFunction>();
  return (object) => {
    const name = definitionOf(object);
    const validator = validators.get(name) ?? ajv.compile({ $ref: `${schema.$id}#/$defs/${name}` });
    validators.set(name, validator);
    const { kind, metadata } = object;
    validator(object);
    return (validator.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${kind} ${metadata.name} ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** Such as io.k8s.api.rbac.v1.Role for rbac.authorization.k8s.io/v1. */
function definitionOf({ apiVersion, kind }: KubernetesObject): string {
  const [version = "", group = "core"] = apiVersion.split("/").toReversed();
  const [name = ""] = group.split(".");
  // Definitions of kinds are a server of their own.
  const place = name === "apiextensions" ? "apiextensions-apiserver.pkg.apis" : "api";
  return `io.k8s.${place}.${name}.${version}.${kind}`;
}

interface Model {
  /** Throws when the object is not as the operator's Go types say. */
  validate(): void;
}

/** Checks of the Prometheus operator's kinds. */
export async function openMonitoringModels(): Promise<(object: KubernetesObject) => void> {
  const models = join(
    CACHE,
    "prometheus-operator-models",
    "node_modules",
    "@kubernetes-models",
    "prometheus-operator",
  );
  const kinds = (await import(join(models, "monitoring.coreos.com", "v1", "index.js"))) as Record<
    string,
    new (
      object: KubernetesObject,
    ) => Model
  >;
  return (object) => {
    const Kind = kinds[object.kind];
    if (Kind === undefined) throw new Error(`There is no ${object.kind} in ${object.apiVersion}`);
    new Kind(object).validate();
  };
}

export function isMonitoring({ apiVersion }: KubernetesObject): boolean {
  return apiVersion.startsWith("monitoring.coreos.com/");
}
