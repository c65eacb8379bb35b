/**
 * Script of the node page: asks for the page itself every two seconds while somebody looks, and puts in what has changed. Everything is rendered in
 * one place, by the agent, so that the page without a script is the same.
 */
export const PAGE_SCRIPT = `
const live = document.getElementById("live");
let etag, timer;
const say = (text, isBad) => { live.textContent = text; live.className = isBad ? "bad" : "soft on"; };
function lose() {
  if (live.className === "bad") return;
  say("No answer from the agent since " + new Date().toISOString(), true);
  // What is on the page was so; whether it is, nobody knows.
  const verdict = document.getElementById("verdict"), icon = document.querySelector("link[rel=icon]");
  for (const part of verdict.querySelectorAll(".good")) part.classList.replace("good", "bad");
  verdict.querySelector(".verdict").textContent = "Unknown: the agent does not answer";
  document.title = document.title.replace(/: [^:]*$/, ": unknown");
  icon.href = icon.href.replace("%231a7f5a", "%23b3261e");
  etag = undefined;
}
function show(page) {
  document.title = page.title;
  const icon = document.querySelector("link[rel=icon]"), next = page.querySelector("link[rel=icon]");
  if (icon.href !== next.href) icon.href = next.href;
  for (const part of page.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(part.id);
    if (shown.innerHTML !== part.innerHTML) shown.replaceChildren(...part.childNodes);
  }
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
