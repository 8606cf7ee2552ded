// Single keys, off wherever somebody types, and off for good for whoever prefers so (WCAG 2.1.4).
const OFF = "parvis-keys-off";

export function listenToKeys() {
  const help = document.getElementById("keys");
  const choice = document.getElementById("keys-on");
  choice.checked = localStorage.getItem(OFF) !== "1";
  choice.addEventListener("change", () => localStorage.setItem(OFF, choice.checked ? "0" : "1"));
  document.getElementById("keys-open").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("textarea") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.target.form?.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !choice.checked || help.open) return;
    if (event.target.matches("input, select, textarea")) return;
    if (act(event.key, help)) event.preventDefault();
  });
}

function act(key, help) {
  if (key === "?") return help.showModal(), true;
  if (key === "j") return step(1);
  if (key === "k") return step(-1);
  if (key === "o") return press(document.activeElement.closest("[data-row]")?.querySelector("[data-open]"));
  if (key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) return search.focus(), true;
    return (location.href = "/tickets"), true;
  }
  if (key === "g") return (location.href = "/tickets"), true;
  const field = document.querySelector(`[data-key-focus="${CSS.escape(key)}"]`);
  if (field) return field.focus(), true;
  return press(document.querySelector(`[data-key="${CSS.escape(key)}"]`));
}

function press(element) {
  element?.click();
  return Boolean(element);
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-row] [data-open]")];
  if (!rows.length) return false;
  const current = document.activeElement.closest("[data-row]")?.querySelector("[data-open]");
  const next = rows.indexOf(current) + by;
  rows[Math.min(Math.max(next, 0), rows.length - 1)].focus();
  return true;
}
