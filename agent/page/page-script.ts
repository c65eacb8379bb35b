/**
 * Script of the node page: asks for the page itself every two seconds while it is visible, puts in what has
 * changed, and sorts and filters the rows. Everything is rendered in one place, by the agent, so that the
 * page without a script is the same.
 */
export const PAGE_SCRIPT = `
const live = document.getElementById("live");
const raw = new Map(), sorts = new Map();
let etag, timer, filter = "";
const say = (text, isBad) => { live.textContent = text; live.className = isBad ? "bad" : "soft on"; };
function lose() {
  if (live.className === "bad") return;
  say("No answer from the agent since " + new Date().toISOString(), true);
  // What is on the page was so; whether it still is, is unknown.
  document.body.classList.add("lost");
  const verdict = document.getElementById("verdict"), icon = document.querySelector("link[rel=icon]");
  for (const part of verdict.querySelectorAll(".good")) part.classList.replace("good", "bad");
  verdict.querySelector(".verdict").textContent = "Unknown: the agent does not answer";
  document.title = document.title.replace(/: [^:]*$/, ": unknown");
  icon.href = icon.href.replace("%231a7f5a", "%23b3261e");
  etag = undefined;
  raw.clear();
}
function show(page) {
  document.body.classList.remove("lost");
  document.title = page.title;
  const icon = document.querySelector("link[rel=icon]"), next = page.querySelector("link[rel=icon]");
  if (icon.href !== next.href) icon.href = next.href;
  for (const part of page.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(part.id), text = part.innerHTML;
    if (raw.get(part.id) === text) continue;
    raw.set(part.id, text);
    const at = [...shown.querySelectorAll("th button")].indexOf(document.activeElement);
    const box = shown.querySelector(".scroll"), place = [box?.scrollLeft ?? 0, box?.scrollTop ?? 0];
    shown.replaceChildren(...part.childNodes);
    arrange(shown);
    shown.querySelector(".scroll")?.scrollTo(...place);
    if (at >= 0) shown.querySelectorAll("th button")[at]?.focus();
  }
}
const UNITS = { ms: 0.001, min: 60, h: 3600, d: 86400 };
function worth(row, column) {
  const cell = row.cells[column];
  if (!cell.classList.contains("n")) return cell.textContent;
  const [, number, unit] = /([\\d.,]+) ?([a-z]*)/.exec(cell.textContent) ?? [];
  return number === undefined ? -1 : Number(number.replaceAll(",", "")) * (UNITS[unit] ?? 1);
}
// Sorts and filters the rows that are there.
function arrange(part) {
  const table = part.querySelector("table");
  if (!table) return;
  const chosen = sorts.get(part.id), body = table.tBodies[0], rows = [...body.rows];
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    if (!head.querySelector("button")) {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
    }
    head.ariaSort = chosen?.column === column ? (chosen.isUp ? "ascending" : "descending") : null;
  }
  if (chosen) {
    const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
    const order = (a, b) => compare(worth(a, chosen.column), worth(b, chosen.column)) * (chosen.isUp ? 1 : -1);
    body.append(...rows.sort(order));
  }
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(filter);
  const title = part.querySelector("h2");
  if (filter) title.dataset.found = rows.filter((row) => !row.hidden).length + " of " + rows.length;
  else delete title.dataset.found;
}
document.addEventListener("click", ({ target }) => {
  const head = target.closest("th"), part = head?.closest("[data-live]");
  if (!part) return;
  const { column, isUp } = sorts.get(part.id) ?? {};
  sorts.set(part.id, { column: head.cellIndex, isUp: column !== head.cellIndex || !isUp });
  arrange(part);
});
const search = document.createElement("input");
search.type = "search";
search.placeholder = "Filter rows";
search.ariaLabel = "Filter the rows of all tables";
search.addEventListener("input", () => {
  filter = search.value.trim().toLowerCase();
  for (const part of document.querySelectorAll("[data-live]")) arrange(part);
});
document.querySelector("header").append(search);
for (const part of document.querySelectorAll("[data-live]")) {
  raw.set(part.id, part.innerHTML);
  arrange(part);
}
async function update() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const headers = etag ? { "if-none-match": etag } : {};
    const answer = await fetch(location.href, { cache: "no-store", headers, signal: AbortSignal.timeout(5000) });
    if (answer.status === 200) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    else if (answer.status !== 304) throw new Error(answer.statusText);
    etag = answer.headers.get("etag");
    say("Live");
  } catch {
    lose();
  }
  timer = setTimeout(update, 2000);
}
document.addEventListener("visibilitychange", update);
update();
`;
