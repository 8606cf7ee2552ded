// One phone: what a customer sees of one platform, and what the customer does there.

import { icon, initials, linked, make } from "./dom.js";
import { clock, dayAndClock, words } from "./words.js";

const NAMES = { messenger: "Messenger", x: "X" };
const GROUP_SECONDS = 120;
const STAMP_SECONDS = 600;
const PENDING_SHOWN_AFTER = 1200;

export class Phone {
  constructor(panel, brand, onCustomer) {
    this.panel = panel;
    this.channel = panel.dataset.channel;
    this.brand = brand;
    this.onCustomer = onCustomer;
    this.stored = `parvis.${this.channel}.customer`;
    this.user = localStorage.getItem(this.stored) || this.invent();
    this.name = "";
    this.messages = [];
    this.typingUntil = 0;
    this.build();
  }

  get label() {
    return NAMES[this.channel];
  }

  invent() {
    const digits = crypto.getRandomValues(new Uint32Array(2));
    const user = `2${String(digits[0]).padStart(10, "0")}${String(digits[1] % 10000).padStart(4, "0")}`;
    localStorage.setItem(this.stored, user);
    return user;
  }

  // Building

  build() {
    const w = words();
    const draft = this.input?.value ?? "";
    this.panel.setAttribute("aria-label", this.label);
    this.log = make("ol", { class: "log", role: "log", "aria-live": "polite", "aria-label": w.conversation(this.label), tabindex: "0" });
    this.replies = make("div", { class: "replies", role: "group", "aria-label": w.suggestions });
    this.dots = make("div", { class: "typing", hidden: true }, make("span"), make("span"), make("span"));
    this.status = make("p", { class: "visually-hidden", role: "status" });
    this.notice = make("p", { class: "notice", role: "alert", hidden: true });
    this.scroller = make("div", { class: "scroller" }, this.greeting(), this.log, this.dots, this.replies);
    this.panel.replaceChildren(this.buildTitle(), this.buildDevice(), this.buildStarters());
    this.input.value = draft;
    this.drawAll();
  }

  buildTitle() {
    this.customer = make("p", { class: "customer" });
    this.renew = make("button", { type: "button", class: "quiet", onclick: () => this.changeCustomer() }, icon("person"), words().newCustomer);
    return make("div", { class: "panel-title" }, make("h2", {}, this.label), this.customer, this.renew);
  }

  buildDevice() {
    const time = make("span", { class: "device-time" }, clock(Date.now() / 1000));
    const bar = make("div", { class: "device-bar", "aria-hidden": "true" }, time, make("span", { class: "device-signs" }, make("i"), make("i"), make("i")));
    const screen = make("div", { class: "screen" }, bar, this.buildHead(), this.scroller, this.notice, this.buildComposer(), this.status);
    return make("div", { class: `device ${this.channel}` }, screen);
  }

  buildHead() {
    const w = words();
    const name = make("div", { class: "head-words" }, make("strong", {}, this.brand.name), make("small", {}, this.subtitle()));
    return make("div", { class: "head" }, icon("back"), this.avatar(), name, icon(this.channel === "messenger" ? "call" : "info"), make("span", { class: "visually-hidden" }, w.assistant));
  }

  subtitle() {
    if (this.channel === "messenger") return words().repliesFast;
    return `@${this.brand.name.normalize("NFD").replace(/[^A-Za-z0-9]/g, "")}`;
  }

  avatar() {
    return make("span", { class: "avatar", "aria-hidden": "true" }, initials(this.brand.name));
  }

  greeting() {
    const w = words();
    const line = this.channel === "messenger" ? w.emptyMessenger : w.emptyX;
    return make("div", { class: "greeting" }, this.avatar(), make("strong", {}, this.brand.name), make("p", {}, line));
  }

  buildComposer() {
    const w = words();
    const field = `write-${this.channel}`;
    this.input = make("textarea", {
      id: field, rows: "1", maxlength: "10000", placeholder: w.write[this.channel], autocomplete: "off",
      oninput: () => this.fit(),
      onkeydown: (event) => this.sendOnEnter(event),
    });
    const label = make("label", { class: "visually-hidden", for: field }, w.writeLabel(this.label));
    const photo = this.tool("photo", w.photo, () => this.act({ attachment: "image" }));
    const send = make("button", { class: "tool send", "aria-label": w.send, title: w.send }, icon("send"));
    const like = this.channel === "messenger" ? this.tool("like", w.like, () => this.act({ attachment: "sticker" })) : null;
    this.form = make("form", { class: "composer", onsubmit: (event) => this.submit(event) }, photo, label, this.input, send, like);
    return this.form;
  }

  tool(name, label, onclick) {
    return make("button", { type: "button", class: `tool ${name}`, "aria-label": label, title: label, onclick }, icon(name));
  }

  buildStarters() {
    const w = words();
    const chips = w.starters[this.channel].map((text) => make("button", { type: "button", class: "starter", onclick: () => this.act({ text }) }, text));
    return make("div", { class: "starters" }, make("h3", {}, w.tryThese), make("div", { class: "starter-list" }, ...chips));
  }

  // What the customer does

  submit(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text) return;
    this.act({ text }).then((sent) => {
      if (!sent) return;
      this.input.value = "";
      this.fit();
    });
  }

  sendOnEnter(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  fit() {
    this.form.classList.toggle("filled", this.input.value.trim() !== "");
    this.input.rows = Math.min(5, this.input.value.split("\n").length);
  }

  async act(body) {
    try {
      const response = await fetch(`/api/${this.channel}/users/${this.user}/messages`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(String(response.status));
      this.notice.hidden = true;
      return true;
    } catch {
      this.notice.textContent = words().offline;
      this.notice.hidden = false;
      return false;
    }
  }

  changeCustomer() {
    this.user = this.invent();
    this.messages = [];
    this.typingUntil = 0;
    this.drawAll();
    this.onCustomer();
    this.input.focus();
  }

  // What the platform tells

  receive(event) {
    if (event.user !== this.user) return;
    if (event.type === "conversation") this.replaceAll(event);
    if (event.type === "message") this.append(event.message);
    if (event.type === "update") this.update(event.message);
    if (event.type === "typing") this.setTyping(event.until);
  }

  replaceAll(event) {
    this.name = event.name;
    this.messages = event.messages;
    this.typingUntil = event.typing_until;
    this.drawAll();
  }

  append(message) {
    if (this.messages.some((known) => known.id === message.id)) return;
    this.messages.push(message);
    if (message.from === "brand") this.typingUntil = 0;
    this.drawMessage(this.messages.length - 1);
    this.log.lastElementChild.classList.add("fresh");
    this.afterChange();
    this.scrollDown();
  }

  update(message) {
    const index = this.messages.findIndex((known) => known.id === message.id);
    if (index < 0) return;
    this.messages[index] = message;
    this.drawMarks();
  }

  setTyping(until) {
    this.typingUntil = until;
    this.drawTyping();
    this.scrollDown();
  }

  // Drawing

  drawAll() {
    const w = words();
    this.customer.textContent = this.name ? w.customer(this.name) : "";
    this.renew.title = this.name ? w.newCustomerHint(this.name) : "";
    this.log.replaceChildren();
    this.messages.forEach((_, index) => this.drawMessage(index));
    this.afterChange();
    this.scrollDown();
  }

  afterChange() {
    this.scroller.classList.toggle("empty", this.messages.length === 0);
    this.drawMarks();
    this.drawReplies();
    this.drawTyping();
  }

  drawMessage(index) {
    const message = this.messages[index];
    const previous = this.messages[index - 1];
    if (!previous || message.at - previous.at > STAMP_SECONDS) {
      this.log.append(make("li", { class: "stamp" }, dayAndClock(message.at)));
    }
    const joins = previous && previous.from === message.from && message.at - previous.at < GROUP_SECONDS;
    if (joins) this.log.lastElementChild.classList.add("followed");
    const who = make("span", { class: "visually-hidden" }, `${message.from === "user" ? words().youSay : words().brandSays}: `);
    const avatar = message.from === "brand" ? this.avatar() : null;
    const marks = make("small", { class: "marks" });
    const person = message.origin === "inbox" && !joins ? make("small", { class: "person" }, words().person) : null;
    const row = make("div", { class: "row", title: dayAndClock(message.at) }, avatar, make("div", { class: "stack" }, who, person, ...this.contents(message)));
    this.log.append(make("li", { class: `message ${message.from}${joins ? " joined" : ""}`, "data-id": message.id }, row, marks));
  }

  contents(message) {
    const bubbles = [];
    if (message.attachment) bubbles.push(this.attachment(message.attachment));
    if (message.text) bubbles.push(make("p", { class: "bubble" }, ...linked(message.text)));
    return bubbles;
  }

  attachment(kind) {
    const w = words();
    const alt = { image: w.photoSent, video: w.photoSent, sticker: w.likeSent }[kind] ?? w.fileSent;
    return make("img", { class: `attachment ${kind}`, src: `/media/${kind}`, alt, onload: () => this.scrollDown() });
  }

  /** Status under the last message of the customer; failures and long waits under any. */
  drawMarks() {
    clearTimeout(this.pendingTimer);
    const last = this.messages.findLastIndex((message) => message.from === "user");
    const items = this.log.querySelectorAll("li.message");
    this.messages.forEach((message, index) => {
      const [kind, text] = this.mark(message, index === last);
      const marks = items[index].querySelector(".marks");
      if (marks.textContent !== text) marks.textContent = text;
      marks.className = `marks ${kind}`;
    });
  }

  mark(message, last) {
    const w = words();
    if (message.from !== "user") return ["", ""];
    if (message.status === "failed") return ["failed", w.failed];
    if (message.status === "unsent") return ["failed", w.unsent];
    if (message.status === "pending") {
      if (Date.now() - message.at * 1000 > PENDING_SHOWN_AFTER) return ["pending", w.pending];
      this.pendingTimer = setTimeout(() => this.drawMarks(), PENDING_SHOWN_AFTER);
      return ["", ""];
    }
    if (!last) return ["", ""];
    return message.seen ? ["seen", `${w.seen} · ${clock(message.at)}`] : ["delivered", `${w.delivered} · ${clock(message.at)}`];
  }

  /** Buttons belong to the latest message only, as on the platform. */
  drawReplies() {
    const last = this.messages.at(-1);
    const offered = last?.from === "brand" ? last.quick_replies : [];
    const chips = offered.map((reply) => {
      return make("button", { type: "button", class: "reply", onclick: () => this.act({ payload: reply.payload, title: reply.title }) }, reply.title);
    });
    this.replies.replaceChildren(...chips);
    this.replies.hidden = chips.length === 0;
  }

  drawTyping() {
    clearTimeout(this.typingTimer);
    const left = this.typingUntil * 1000 - Date.now();
    this.dots.hidden = left <= 0;
    this.status.textContent = left > 0 ? words().typing : "";
    if (left > 0) this.typingTimer = setTimeout(() => this.drawTyping(), left);
  }

  scrollDown() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
