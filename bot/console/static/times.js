// "In 3 hours" stays true while a page is open.
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
let ticking = false;

export function tellTimes() {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
    time.textContent = format.format(Math.trunc(seconds / size), unit);
  }
  if (!ticking) setInterval(tellTimes, 30_000);
  ticking = true;
}
