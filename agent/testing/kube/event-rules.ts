/**
 * What a real API server refuses of an Event (kubernetes/kubernetes pkg/apis/core/validation/events.go);
 * undefined when all is well.
 */
export function eventFault(event: Readonly<Record<string, unknown>>): string | undefined {
  const {
    eventTime,
    reportingController,
    reportingInstance,
    action,
    reason,
    type,
    note,
    regarding,
    metadata,
  } = event as Readonly<Record<string, string>> & {
    regarding?: { namespace?: string };
    metadata?: { name?: string; namespace?: string };
  };
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(eventTime ?? ""))
    return "eventTime is not a MicroTime";
  for (const [key, value] of Object.entries({ reportingController, reportingInstance, action, reason }))
    if (typeof value !== "string" || value === "" || value.length > 128)
      return `${key} must have 1 to 128 characters`;
  if (type !== "Normal" && type !== "Warning") return "type must be Normal or Warning";
  if (Buffer.byteLength(note ?? "") > 1024) return "note can have at most 1024 bytes";
  if (metadata?.name === undefined) return "name is missing";
  if (regarding?.namespace === undefined && metadata.namespace !== "default")
    return "namespace does not match";
  return undefined;
}
