// The live connection: one WebSocket that comes back by itself. On every return the server sends the whole state again.

const PAUSES = [300, 600, 1200, 2500, 5000];

export class Live {
  /** `onEvent` gets every event, `onState` true or false as the connection comes and goes. */
  constructor(onEvent, onState) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.watched = [];
    this.failures = 0;
    this.open();
  }

  /** Follow these conversations: `[["messenger", "42"], ["x", "43"]]`. */
  watch(pairs) {
    this.watched = pairs;
    if (this.socket?.readyState === WebSocket.OPEN) this.tell();
  }

  open() {
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    this.socket.addEventListener("open", () => {
      this.failures = 0;
      this.onState(true);
      this.tell();
    });
    this.socket.addEventListener("message", (message) => this.onEvent(JSON.parse(message.data)));
    this.socket.addEventListener("close", () => {
      this.onState(false);
      const pause = PAUSES[Math.min(this.failures++, PAUSES.length - 1)];
      setTimeout(() => this.open(), pause);
    });
  }

  tell() {
    this.socket.send(JSON.stringify({ watch: this.watched }));
  }
}
