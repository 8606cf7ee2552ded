// The team's mailbox: what the desk sends leaves through SMTP and is read here.

import { icon, initials, linked, make } from "./dom.js";
import { clock, dayAndClock, words } from "./words.js";

export class Mailbox {
  constructor(panel, onCount) {
    this.panel = panel;
    this.onCount = onCount;
    this.mails = [];
    this.read = new Set();
    this.open = null;
    this.view = "html";
    this.build();
  }

  build() {
    const w = words();
    this.panel.setAttribute("aria-label", w.mailbox);
    this.clear = make("button", { type: "button", class: "quiet", onclick: () => fetch("/api/mailbox", { method: "DELETE" }) }, w.emptyMailbox);
    this.count = make("span", { class: "count" });
    const title = make("div", { class: "panel-title" }, make("h2", {}, w.mailbox), this.count, this.clear);
    this.list = make("ul", { class: "mail-list", "aria-label": w.mails, "aria-live": "polite" });
    this.reader = make("article", { class: "mail-reader" });
    this.desk = make("div", { class: "mail-desk" }, this.list, this.reader);
    this.panel.replaceChildren(title, this.desk);
    this.draw();
  }

  receive(event) {
    if (event.type === "mailbox") {
      this.mails = event.mails;
      if (!this.mails.some((mail) => mail.id === this.open)) this.open = null;
    } else if (!this.mails.some((mail) => mail.id === event.mail.id)) {
      this.mails.push(event.mail);
    }
    this.draw();
  }

  show(id) {
    this.open = id;
    this.read.add(id);
    this.draw();
    this.reader.querySelector("h3")?.focus();
  }

  get current() {
    return this.mails.find((mail) => mail.id === this.open);
  }

  draw() {
    const unread = this.mails.filter((mail) => !this.read.has(mail.id)).length;
    this.count.textContent = unread ? String(unread) : "";
    this.count.hidden = unread === 0;
    this.clear.hidden = this.mails.length === 0;
    this.onCount(unread);
    this.desk.classList.toggle("reading", Boolean(this.current));
    this.desk.classList.toggle("bare", this.mails.length === 0);
    this.drawList();
    this.drawReader();
  }

  drawList() {
    const known = new Map([...this.list.children].map((item) => [item.dataset.id, item]));
    const items = [...this.mails].reverse().map((mail) => {
      const item = known.get(String(mail.id)) ?? this.listItem(mail);
      item.classList.toggle("open", mail.id === this.open);
      item.classList.toggle("unread", !this.read.has(mail.id));
      item.querySelector("button").setAttribute("aria-current", mail.id === this.open ? "true" : "false");
      item.querySelector(".unread-word").textContent = this.read.has(mail.id) ? "" : ` (${words().unread})`;
      return item;
    });
    this.list.replaceChildren(...items);
  }

  listItem(mail) {
    const sender = mail.from.replace(/<.*>/, "").replaceAll('"', "").trim() || mail.from;
    const head = make("span", { class: "mail-head" }, make("strong", {}, sender), make("time", {}, clock(mail.at)));
    const subject = make("span", { class: "mail-subject" }, mail.subject, make("span", { class: "visually-hidden unread-word" }));
    const taste = make("span", { class: "mail-taste" }, (mail.text ?? "").replace(/\s+/g, " ").slice(0, 120));
    const lines = make("span", { class: "mail-lines" }, head, subject, taste);
    const avatar = make("span", { class: "mail-avatar", "aria-hidden": "true" }, initials(sender));
    return make("li", { "data-id": mail.id }, make("button", { type: "button", onclick: () => this.show(mail.id) }, avatar, lines));
  }

  drawReader() {
    const mail = this.current;
    if (!mail) {
      this.shown = null;
      this.reader.replaceChildren(this.emptyReader());
      return;
    }
    if (this.shown === mail.id) return;
    this.shown = mail.id;
    if (!mail.html && this.view === "html") this.view = "text";
    this.body = make("div", { class: "mail-body", role: "tabpanel", id: "mail-body", tabindex: "0" });
    this.reader.replaceChildren(this.readerHead(mail), this.contacts(mail), this.viewTabs(mail), this.body);
    this.drawBody(mail);
  }

  emptyReader() {
    const w = words();
    if (this.mails.length) return make("p", { class: "mail-empty" }, icon("mail"), w.noMailOpen);
    return make("div", { class: "mail-empty" }, icon("mail"), make("strong", {}, w.noMail), make("p", {}, w.noMailHint));
  }

  readerHead(mail) {
    const w = words();
    const back = make("button", { type: "button", class: "quiet mail-back", onclick: () => { this.open = null; this.draw(); } }, icon("back"), w.back);
    const facts = make("dl", { class: "mail-facts" },
      make("dt", {}, w.from), make("dd", {}, mail.from),
      make("dt", {}, w.to), make("dd", {}, mail.to),
    );
    return make("header", {}, back, make("h3", { tabindex: "-1" }, mail.subject), facts, make("time", {}, dayAndClock(mail.at)));
  }

  /** Phone numbers and addresses that the mail links to, as buttons: the frame itself may not leave its sandbox. */
  contacts(mail) {
    const w = words();
    const buttons = mail.links.map((href) => {
      const target = href.replace(/^(tel|mailto):/, "").split("?")[0];
      const call = href.startsWith("tel:");
      return make("a", { class: "contact", href }, icon(call ? "call" : "mail"), call ? w.call(target) : w.mailTo(target));
    });
    return buttons.length ? make("p", { class: "contacts", "aria-label": w.contact }, ...buttons) : null;
  }

  viewTabs(mail) {
    const w = words();
    this.tabs = [["html", w.formatted], ["text", w.plain], ["headers", w.headers]].map(([view, name]) => {
      return make("button", { type: "button", role: "tab", "data-view": view, "aria-controls": "mail-body", onclick: () => this.choose(view, mail) }, name);
    });
    return make("div", { class: "mail-tabs", role: "tablist", "aria-label": w.views, onkeydown: (event) => this.moveTab(event, mail) }, ...this.tabs);
  }

  choose(view, mail) {
    this.view = view;
    this.drawBody(mail);
  }

  moveTab(event, mail) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.tabs.findIndex((tab) => tab.dataset.view === this.view);
    const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
    this.choose(next.dataset.view, mail);
    next.focus();
  }

  drawBody(mail) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.view === this.view;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.body.replaceChildren(this.bodyOf(mail));
  }

  bodyOf(mail) {
    const w = words();
    if (this.view === "headers") return make("pre", { class: "mail-raw" }, Object.entries(mail.headers).map(([name, value]) => `${name}: ${value}`).join("\n"));
    if (this.view === "text") return mail.text ? make("pre", { class: "mail-text" }, ...linked(mail.text)) : make("p", { class: "mail-empty" }, w.noText);
    if (!mail.html) return make("p", { class: "mail-empty" }, w.noHtml);
    return make("iframe", { class: "mail-frame", title: mail.subject, src: `/api/mailbox/${mail.id}/html`, sandbox: "allow-popups allow-popups-to-escape-sandbox" });
  }
}
