// Small helpers. Text always goes in as text nodes: nothing a customer or a mail says is ever parsed as HTML.

/** Make an element: `make("p", {class: "note", onclick: f}, "text", child)`. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]»]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\+\d(?:[ .\u00a0\u202f]?\d){7,14}/g;

/** Split text into text nodes and links to web pages, mail addresses and international phone numbers. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(from, match.index), link(match[0]));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

function link(found) {
  if (found.startsWith("http")) return make("a", { href: found, target: "_blank", rel: "noopener noreferrer" }, found);
  if (found.startsWith("+")) return make("a", { href: `tel:${found.replace(/[^\d+]/g, "")}` }, found);
  return make("a", { href: `mailto:${found}` }, found);
}

export function initials(name) {
  return name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
}
