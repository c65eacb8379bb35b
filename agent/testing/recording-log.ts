/** A line that was logged. */
export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

/** A log that keeps its lines for the test to read. */
export interface RecordingLog extends Record<LoggedLine["level"], (fields: object, message: string) => void> {
  readonly lines: readonly LoggedLine[];
  /** Messages of one level. */
  messages(level: LoggedLine["level"]): readonly string[];
}

export function createRecordingLog(): RecordingLog {
  const lines: LoggedLine[] = [];
  const record = (level: LoggedLine["level"]) => (_fields: object, message: string) => {
    lines.push({ level, message });
  };
  return {
    lines,
    messages: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
    debug: record("debug"),
    info: record("info"),
    warn: record("warn"),
    error: record("error"),
  };
}
