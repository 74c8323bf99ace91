// The screen's way to the door on this phone, by messages with its worker. It has the functions of
// screen/shared/kiosk.js. What the page itself knows of the camera and the battery is put into each
// state.

const SILENCE_MS = 4000; // The worker gives a sign of life each second.
const WATCH_MS = 500;
const WAITING = ["need", "words", "failed"]; // After these the worker waits for a person.
const ANSWER_MS = 5000;
// A stuck hand scanner sends more codes than people can pass.
const SCANS_MAX = 15;
const SCANS_MS = 6000;
const TWICE_MS = 500; // Some handhelds deliver one scan twice, as keys and as a paste.

export class PhoneKiosk {
  // `video` shows the camera. `onMessage` gets the worker's messages that are not for the screen.
  // `device()` returns fields of the status. `onSilence` gets for how long (ms) the worker has been
  // silent while the page ran, again and again; not while it waits for a person.
  constructor(worker, video, onMessage, device, onSilence) {
    this.worker = worker;
    this.video = video;
    this.onMessage = onMessage;
    this.device = device;
    this.onSilence = onSilence;
    this.waiting = new Map(); // The answers that posts wait for, by number.
    this.number = 0;
    this.heardAt = this.watchedAt = performance.now();
    this.silentMs = 0;
    this.heard = false; // any message of the worker
    this.waits = false; // for a person
    this.linked = null;
    this.event = null; // The worker's newest state.
    this.scans = []; // When the last texts came.
    this.last = { text: "", at: -TWICE_MS };
    worker.addEventListener("message", ({ data }) => this.hear(data));
    setInterval(() => this.watch(), WATCH_MS);
  }

  send(message, transfer = []) {
    if (message.type === "start") this.waits = false;
    this.worker.postMessage(message, transfer);
  }

  hear(message) {
    this.heardAt = performance.now();
    this.silentMs = 0;
    this.heard = true;
    if (message.type !== "beat") this.waits = WAITING.includes(message.type);
    if (message.type === "reply") this.reply(message);
    else if (message.type === "state") this.take(message.event);
    else if (message.type !== "beat") this.onMessage(message);
    if (message.type === "state" || message.type === "beat") this.link(true);
  }

  take(event) {
    this.event = event;
    this.onMessage({ type: "status", status: event.status });
    this.show();
  }

  // Shows the newest state again, with the device's fields as they are now.
  show() {
    if (!this.event || !this.onState) return;
    const status = { ...this.event.status, ...this.device(this.event.status) };
    this.onState({ ...this.event, status });
  }

  watch() {
    const now = performance.now();
    // A phone that has slept was no silent worker.
    this.silentMs += Math.min(now - this.watchedAt, 2 * WATCH_MS);
    this.watchedAt = now;
    if (now - this.heardAt > SILENCE_MS) this.link(false);
    if (!this.waits) this.onSilence(this.silentMs);
  }

  link(up) {
    if (up === this.linked || !this.onLink) return;
    this.linked = up;
    this.onLink(up);
  }

  reply({ id, status, body }) {
    const done = this.waiting.get(id);
    this.waiting.delete(id);
    done?.({ ok: status >= 200 && status < 300, status, data: body ?? {} });
  }

  follow = (onState, onLink) => {
    this.onState = onState;
    this.onLink = onLink;
    this.link(true);
    this.show();
  };

  ask = (path, body) => {
    if (path === "/text") {
      if (this.isStuck()) return { ok: false, status: 429, data: { error: { code: "scanner_stuck" } } };
      if (this.isTwice(body.text)) return { ok: true, status: 204, data: {} };
    }
    return new Promise((done) => {
      const id = (this.number += 1);
      this.waiting.set(id, done);
      this.send({ type: "post", id, path, body: body ?? null });
      setTimeout(() => this.reply({ id, status: 0 }), ANSWER_MS);
    });
  };

  isStuck() {
    const now = performance.now();
    this.scans = [...this.scans.filter((at) => now - at < SCANS_MS), now].slice(-SCANS_MAX - 1);
    return this.scans.length > SCANS_MAX;
  }

  isTwice(text) {
    const now = performance.now();
    const twice = text === this.last.text && now - this.last.at < TWICE_MS;
    if (!twice) this.last = { text, at: now };
    return twice;
  }

  // The picture is the camera's video, which the browser draws by itself.
  watchPicture = (canvas, onPicture) => {
    const { video } = this;
    video.id = canvas.id;
    video.setAttribute("aria-hidden", "true");
    canvas.replaceWith(video);
    const tell = () => onPicture(video.srcObject !== null && video.videoWidth > 0);
    for (const kind of ["loadedmetadata", "playing", "emptied"]) video.addEventListener(kind, tell);
    tell();
  };
}
