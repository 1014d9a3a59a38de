// Keeps the list fresh and the times local. Without it the page works too: Enter searches, a reload refreshes.

const EVERY_MS = 2000;
const list = document.querySelector("#list");
const search = document.querySelector("#to");
const opened = document.querySelector("article") && decodeURIComponent(location.pathname.split("/").at(-1));

const short = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function showLocalTimes() {
  const today = new Date().toDateString();
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const brief = at.toDateString() === today ? short : day;
    time.textContent = (time.classList.contains("full") ? full : brief).format(at);
    time.title = full.format(at);
  }
}

function showCount() {
  const total = Number(list.querySelector("ol").dataset.total);
  const text = total === 1 ? "1 message" : `${total} messages`;
  const count = document.querySelector("#count");
  if (count.textContent !== text) count.textContent = text;
}

let asked = 0;

async function refresh({ always = false } = {}) {
  const number = ++asked;
  const query = new URLSearchParams({ to: search.value });
  if (opened) query.set("open", opened);
  if (!always) query.set("version", list.querySelector("ol").dataset.version);
  const response = await fetch(`${list.dataset.source}?${query}`).catch(() => null);
  list.classList.toggle("away", response === null);
  // An answer to an older question, or nothing new.
  if (number !== asked || response?.status !== 200) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("ol");
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  list.replaceChildren(fresh);
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  showLocalTimes();
  showCount();
}

search.addEventListener("input", () => refresh({ always: true }));
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), EVERY_MS);
showLocalTimes();
showCount();
list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
