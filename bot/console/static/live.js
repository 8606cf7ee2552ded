// The server says that something changed; the page then asks for itself again and takes over the parts marked
// data-live. What somebody is just typing or choosing stays as it is.
import { tellTimes } from "./times.js";

const main = document.getElementById("main");

export function listen() {
  scrollToEnd();
  const address = main.dataset.liveFrom;
  if (!address) return;
  let source;
  const open = () => {
    source = new EventSource(address);
    source.addEventListener("changed", refreshSoon);
    source.addEventListener("looking", (event) => showWhoLooks(JSON.parse(event.data)));
    source.addEventListener("open", () => show(false));
    source.addEventListener("error", () => {
      show(true);
      // Closed for good: signed out, most likely. The page then leads to the sign-in.
      if (source.readyState === EventSource.CLOSED) setTimeout(refresh, 2000);
    });
  };
  open();
  // Time changes things too: a promise falls due, a messaging window closes.
  setInterval(refresh, 60_000);
  // A page kept for the way back holds no connection, and may be old.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    open();
    refresh();
  });
}

let waiting = false;

function refreshSoon() {
  if (waiting) return;
  waiting = true;
  setTimeout(async () => {
    waiting = false;
    await refresh();
  }, 150);
}

async function refresh() {
  try {
    const response = await fetch(location.href, { headers: { "x-live": "1" } });
    if (response.redirected && new URL(response.url).pathname === "/sign-in") return location.reload();
    if (!response.ok) return;
    takeOver(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    show(true);
  }
}

function takeOver(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = fresh.getElementById(part.id);
    if (!newer || newer.isEqualNode(part) || isInUse(part)) continue;
    const focused = part.contains(document.activeElement) ? pathOf(document.activeElement) : null;
    part.replaceWith(document.adoptNode(newer));
    if (focused) document.querySelector(focused)?.focus();
  }
  const version = fresh.querySelector("input[data-version]")?.value;
  // The form that somebody fills in keeps the version that they saw.
  for (const input of document.querySelectorAll("input[data-version]")) {
    if (version && !isTouched(input.form)) input.value = version;
  }
  scrollToEnd();
  tellTimes();
}

const FIELDS = "input:not([type=hidden]), select, textarea";

function isInUse(part) {
  return (part.contains(document.activeElement) && document.activeElement.matches(FIELDS)) || isTouched(part);
}

function isTouched(part) {
  return [...part.querySelectorAll(FIELDS)].some((field) =>
    field.matches("select") ? field.selectedIndex !== chosenAtFirst(field) : field.value !== field.defaultValue,
  );
}

function chosenAtFirst(select) {
  return Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));
}

function pathOf(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  return element.href ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
}

function scrollToEnd() {
  for (const list of document.querySelectorAll("[data-at-end]")) list.scrollTop = list.scrollHeight;
}

function show(lost) {
  clearTimeout(show.later);
  const notice = document.getElementById("stale");
  if (!lost) notice.hidden = true;
  else show.later = setTimeout(() => (notice.hidden = false), 6000);
}

function showWhoLooks(others) {
  const line = document.getElementById("looking");
  if (!line) return;
  line.textContent = others
    .map((other) => `${other.name} ${other.typing ? line.dataset.types : line.dataset.looks}`)
    .join(" · ");
}
