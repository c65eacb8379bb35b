import { isObject } from "../../../lib/json.ts";
import type { LabelSelector, Requirement } from "../model.ts";
import { labelSelectorOf, requirementOf } from "../selectors.ts";
import {
  type Field,
  isAbsent,
  memberOf,
  readList,
  readObject,
  readText,
  readWord,
  refuse,
} from "./fields.ts";

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/**
 * A label selector (meta/v1 LabelSelector). Undefined when any of it cannot be read: half a selector selects
 * too much.
 */
export function parseSelector(field: Field): LabelSelector | undefined {
  const members = readObject(field, ["matchLabels", "matchExpressions"]);
  if (members === undefined) return undefined;
  const labels = parseLabels(members.matchLabels);
  const expressions = readList(members.matchExpressions)?.map(parseExpression);
  if (labels === undefined || expressions === undefined) return undefined;
  const known = expressions.filter((expression) => expression !== undefined);
  return known.length < expressions.length ? undefined : labelSelectorOf([...labels, ...known]);
}

function parseLabels(field: Field): readonly Requirement[] | undefined {
  if (isAbsent(field)) return [];
  const { value } = field;
  if (!isObject(value)) return refuse(field, "is not an object");
  const requirements = Object.keys(value).map((key) => {
    const text = readText(memberOf(field, key));
    return text === undefined ? undefined : requirementOf(key, "In", [text]);
  });
  const known = requirements.filter((requirement) => requirement !== undefined);
  return known.length < requirements.length ? undefined : known;
}

function parseExpression(field: Field): Requirement | undefined {
  const members = readObject(field, ["key", "operator", "values"]);
  if (members === undefined) return undefined;
  const key = readText(members.key);
  const operator = readWord(members.operator, OPERATORS);
  const values = readList(members.values)?.map(readText);
  if (key === undefined || operator === undefined || values === undefined) return undefined;
  const known = values.filter((value) => value !== undefined);
  if (known.length < values.length) return undefined;
  const takesValues = operator === "In" || operator === "NotIn";
  if (takesValues !== known.length > 0)
    return refuse(
      members.values,
      takesValues
        ? `is empty, but ${operator} takes values`
        : `is not empty, but ${operator} takes no values`,
    );
  return requirementOf(key, operator, known);
}
