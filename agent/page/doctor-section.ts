import type { DoctorReport, FindingRecord, NodeReport } from "../report/node-report.ts";
import { formatTime } from "../report/words.ts";
import { counted } from "../text/count.ts";
import { abridge } from "../text/abridge.ts";
import { type Html, html } from "./html.ts";
import { tableSection } from "./table-section.ts";

type Findings = Extract<DoctorReport, { readonly kind: "findings" }>;

/** Signs and colours, as the command has them on a terminal. */
const VERDICTS: Readonly<Record<FindingRecord["verdict"], { readonly sign: string; readonly kind: string }>> =
  {
    ok: { sign: "ok", kind: "good" },
    info: { sign: "info", kind: "soft" },
    warn: { sign: "WARN", kind: "warn" },
    fail: { sign: "FAIL", kind: "bad" },
  };

const MAX_EVIDENCE = 300;
/** A command is shown whole or not at all: somebody pastes it. */
const MAX_REMEDY = 600;

/**
 * What doctor has found, in its order, in which remedies are run; checks with nothing to tell are counted.
 * `room`: characters that the rows may take.
 */
export function doctorSection({ doctor }: NodeReport, { room }: { readonly room: number }): Html {
  if (doctor?.kind === "findings") return findingsSection(doctor, room);
  return html`<section id="doctor" data-live aria-labelledby="doctor-title"><h2 id="doctor-title">Doctor</h2><p class="none">${describe(doctor)}</p></section>`;
}

function describe(doctor: Exclude<DoctorReport, Findings> | undefined): Html {
  if (doctor === undefined)
    return html`<code>causeway doctor</code> on this node names causes, and commands that fix them`;
  if (doctor.kind === "running") return html`The node is being examined.`;
  return html`<span class="bad">The node could not be examined at ${formatTime(doctor.atMs)}: ${abridge(doctor.reason, MAX_EVIDENCE)}</span>`;
}

function findingsSection({ atMs, findings }: Findings, room: number): Html {
  const told = findings.filter(({ verdict }) => verdict !== "ok");
  const fine = findings.length - told.length;
  return tableSection({
    id: "doctor",
    title: "Doctor",
    note: `${summarize(findings)}, at ${formatTime(atMs)}`,
    none: "Every check is ok.",
    columns: [
      {
        head: "Verdict",
        cell: ({ verdict }) => html`<td class="${VERDICTS[verdict].kind}">${VERDICTS[verdict].sign}`,
      },
      { head: "Check", cell: ({ name }) => html`<td>${name}` },
      { head: "What was seen, and the remedy for a root shell on the node", cell: tell },
    ],
    rows: told,
    total: told.length,
    room,
    more: html`<code>causeway doctor</code> lists them`,
    after: told.length === 0 || fine === 0 ? [] : [html`<p class="more">${describeFine(fine)}</p>`],
  });
}

function describeFine(count: number): string {
  return `${counted(count, "check")} ${count === 1 ? "is" : "are"} ok`;
}

function tell({ evidence, remedy }: FindingRecord): Html {
  if (remedy === undefined) return html`<td class=x>${abridge(evidence, MAX_EVIDENCE)}`;
  const shown =
    remedy.length > MAX_REMEDY
      ? html`<code>causeway doctor</code> prints it: it is long`
      : html`<code>${remedy}</code>`;
  return html`<td class=x>${abridge(evidence, MAX_EVIDENCE)}<br>remedy: ${shown}`;
}

function summarize(findings: readonly FindingRecord[]): string {
  const count = (wanted: FindingRecord["verdict"]): number =>
    findings.filter(({ verdict }) => verdict === wanted).length;
  const parts = [
    [count("fail"), "fault"],
    [count("warn"), "warning"],
  ] as const;
  const words = parts.filter(([number]) => number > 0).map(([number, noun]) => counted(number, noun));
  return words.length === 0 ? "nothing to do" : words.join(", ");
}
