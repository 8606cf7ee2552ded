// Canned replies with the ticket's facts in them, and a sign to colleagues that somebody is typing.
const TELL_EVERY_MILLISECONDS = 3000;

export function helpWithReplies() {
  const text = document.getElementById("reply-text");
  if (!text) return;
  const form = document.getElementById("reply");
  const canned = document.getElementById("canned");
  canned.addEventListener("change", () => fill(canned, text));
  let told = 0;
  text.addEventListener("input", () => {
    if (Date.now() - told < TELL_EVERY_MILLISECONDS) return;
    told = Date.now();
    tellTyping();
  });
  // A double click sends once; the server knows the form by its key as well.
  form.addEventListener("submit", () =>
    setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true))),
  );
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => (button.disabled = false)));
}

async function fill(canned, text) {
  const option = canned.selectedOptions[0];
  if (!option.value) return;
  const query = new URLSearchParams({ key: option.value, language: option.dataset.language });
  const response = await fetch(`${canned.dataset.fill}?${query}`);
  if (!response.ok) return;
  const filled = await response.json();
  text.setRangeText(filled.text, text.selectionStart, text.selectionEnd, "end");
  text.lang = option.dataset.language;
  text.focus();
  canned.selectedIndex = 0;
  const missing = document.getElementById("missing");
  missing.textContent = filled.missing;
  missing.hidden = !filled.missing;
}

function tellTyping() {
  const ticket = document.getElementById("main").dataset.ticket;
  if (!ticket) return;
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const body = new URLSearchParams({ ticket });
  fetch("/events/typing", { method: "POST", body, headers: { "x-csrf-token": token } }).catch(() => {});
}
