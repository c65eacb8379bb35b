import { isObject, type JsonObject } from "../../../lib/json.ts";

/** Whether an object is one of those that a request is about. */
export type Selector = (object: JsonObject) => boolean;

const REQUIREMENT = /^(!)?([\w./-]+)(?:\s*(=|==|!=)\s*([\w./-]*)|\s+(in|notin)\s+\(([^)]*)\))?$/;

/**
 * Parses the parameter `labelSelector` as API servers do (Kubernetes documentation, "Labels and Selectors").
 * Throws where it is malformed.
 */
export function parseLabelSelector(text: string): Selector {
  const requirements = splitOutsideBrackets(text).map(parseRequirement);
  return (object) => {
    const labels = memberOf(memberOf(object, "metadata"), "labels");
    return requirements.every((holds) => holds(isObject(labels) ? labels : {}));
  };
}

/** Parses the parameter `fieldSelector`: `path=value` or `path!=value`, all of which must hold. */
export function parseFieldSelector(text: string): Selector {
  const terms = text.split(",").map((term) => {
    const [, path = "", operator = "", value = ""] = /^([\w.]+)(==|!=|=)(.*)$/.exec(term) ?? [];
    if (path === "") throw new RangeError(`invalid field selector ${JSON.stringify(term)}`);
    return { path: path.split("."), isEqual: operator !== "!=", value };
  });
  return (object) =>
    terms.every(({ path, isEqual, value }) => {
      const found = path.reduce<unknown>((at, key) => memberOf(at, key), object);
      return ((found ?? "") === value) === isEqual;
    });
}

function parseRequirement(text: string): (labels: JsonObject) => boolean {
  const [, not, key = "", operator, value = "", setOperator, list = ""] = REQUIREMENT.exec(text.trim()) ?? [];
  if (key === "") throw new RangeError(`invalid label selector ${JSON.stringify(text)}`);
  const values = setOperator === undefined ? [value] : list.split(",").map((each) => each.trim());
  if (operator === undefined && setOperator === undefined)
    return (labels) => key in labels === (not === undefined);
  const isWanted = operator !== "!=" && setOperator !== "notin";
  return (labels) => (typeof labels[key] === "string" && values.includes(labels[key])) === isWanted;
}

function splitOutsideBrackets(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/);
}

function memberOf(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}
