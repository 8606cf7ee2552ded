// The page: two phones, a mailbox, one live connection.

import { make } from "./dom.js";
import { Live } from "./live.js";
import { Mailbox } from "./mailbox.js";
import { Phone } from "./phone.js";
import { LANGUAGES, chooseLanguage, clock, currentLanguage, words } from "./words.js";

const brand = await fetch("/api/brand").then((response) => response.json());
const byId = (id) => document.getElementById(id);
let connected = false;
let unread = 0;
let part = "messenger";

const phones = ["messenger", "x"].map((channel) => new Phone(byId(`panel-${channel}`), brand, follow));
const mailbox = new Mailbox(byId("panel-mailbox"), (count) => { unread = count; drawTabs(); });
const live = new Live(receive, (state) => { connected = state; drawConnection(); });

drawPage();
follow();

function follow() {
  live.watch(phones.map((phone) => [phone.channel, phone.user]));
}

function receive(event) {
  if (event.type === "mail" || event.type === "mailbox") mailbox.receive(event);
  else phones.find((phone) => phone.channel === event.channel)?.receive(event);
}

function drawPage() {
  const w = words();
  document.documentElement.lang = currentLanguage();
  document.title = w.title(brand.name);
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = w[element.dataset.words];
  byId("tagline").textContent = w.tagline(brand.name);
  drawConnection();
  drawLanguages();
  drawTabs();
}

function drawConnection() {
  const line = byId("connection");
  line.textContent = connected ? words().live : words().reconnecting;
  line.classList.toggle("on", connected);
}

function drawLanguages() {
  byId("languages").setAttribute("aria-label", words().languages);
  byId("languages").replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => {
    const pressed = String(code === currentLanguage());
    return make("button", { type: "button", lang: code, title: name, "aria-label": name, "aria-pressed": pressed, onclick: () => speak(code) }, code.toUpperCase());
  }));
}

function speak(code) {
  chooseLanguage(code);
  for (const part of [...phones, mailbox]) {
    part.shown = null;
    part.build();
  }
  drawPage();
  byId("languages").querySelector(`[lang=${code}]`).focus();
}

/** On a narrow screen one part shows at a time. */
function drawTabs() {
  const w = words();
  const parts = [["messenger", "Messenger"], ["x", "X"], ["mailbox", w.mailboxShort]];
  const tabs = parts.map(([name, label]) => {
    const badge = name === "mailbox" && unread ? make("span", { class: "count" }, String(unread)) : null;
    return make("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
      "aria-selected": String(name === part), tabindex: name === part ? "0" : "-1", onclick: () => choosePart(name),
    }, label, badge);
  });
  byId("tabs").setAttribute("aria-label", w.tabs);
  byId("tabs").replaceChildren(...tabs);
  byId("stage").dataset.part = part;
}

function choosePart(name) {
  part = name;
  drawTabs();
  phones.find((phone) => phone.channel === name)?.scrollDown();
  byId(`tab-${name}`).focus();
}

byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const names = ["messenger", "x", "mailbox"];
  if (step) choosePart(names[(names.indexOf(part) + step + names.length) % names.length]);
});

setInterval(() => {
  for (const time of document.querySelectorAll(".device-time")) time.textContent = clock(Date.now() / 1000);
}, 15000);
