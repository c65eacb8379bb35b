const REMOVED = "[removed]";

/** What must never leave a node, with what is put in its place. */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // JSON Web Tokens, as those of service accounts.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, REMOVED],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REMOVED],
  [/\b(Bearer|Basic) [\w.~+/=-]+/gi, `$1 ${REMOVED}`],
  [/("?\b(?:token|password|secret|client-key-data)"?\s*[:=]\s*)"?[^\s",}]+"?/gi, `$1${REMOVED}`],
  // Credentials of a URL.
  [/(\w:\/\/)[^/\s:@"]+:[^/\s@"]+@/g, `$1${REMOVED}@`],
];

/** A text without tokens, keys and passwords, whoever has written them into it. */
export function redact(text: string): string {
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text);
}
