import { shellWord } from "./shell.ts";

/**
 * The question to the API server whether somebody may do what it has refused: the same verb, object and
 * account. `reason` is the server's own, as `User "u" cannot list resource "nodes" in API group "" at the
 * cluster scope` (forbiddenMessage of k8s.io/apiserver).
 */
export function permissionCommand(reason: string): string {
  const [, user, verb, object] = /User "([^"]+)" cannot (\w+) (?:path|resource) "([^"]+)"/.exec(reason) ?? [];
  if (user === undefined || verb === undefined || object === undefined) return "kubectl auth can-i --list";
  const group = / in API group "([^"]+)"/.exec(reason)?.[1];
  const what = group === undefined ? object : `${object}.${group}`;
  return `kubectl auth can-i ${verb} ${shellWord(what)} --as ${shellWord(user)}`;
}
