/** RFC 1123 subdomain: what Kubernetes allows as a name of nodes, namespaces, pods and most other objects. */
export const DNS_SUBDOMAIN = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function isDnsSubdomain(value: unknown): value is string {
  return typeof value === "string" && DNS_SUBDOMAIN.test(value);
}
