// The phone's camera: which one, its torch and zoom, and whether it gives pictures.

import { keep, recall } from "./memory.mjs";

const WISH = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const BACK = { facingMode: { ideal: "environment" } };
export const OFF = "off"; // In place of a camera's name: only a hand scanner.
const SILENCE_MS = 3000; // Without a new picture for so long, the picture is frozen.
const AGAIN_MS = [1000, 2000, 5000, 10000]; // Before each new attempt.
const BLACK_MS = 2000;
const REASONS = {
  NotAllowedError: "camera_denied",
  SecurityError: "camera_denied",
  NotReadableError: "camera_busy",
  AbortError: "camera_busy",
};

export class Camera {
  // `onChange` is called when the state, the choice or a control changes.
  constructor(video, onChange) {
    this.video = video;
    this.onChange = onChange;
    this.state = "starting"; // As a kiosk's camera: also "live", "lost", "none".
    this.why = ""; // The key of the words that say why it is lost.
    this.cameras = []; // [{id, label}]
    this.torch = null; // Whether it shines; null where there is none.
    this.zoom = null; // {value, min, max, step}, or null.
    this.turn = 0; // Numbers the attempts, so that a late one changes nothing.
    this.failures = 0;
    this.pictureAt = 0;
    this.blackSince = null;
  }

  get choice() {
    return recall("camera") ?? "";
  }

  begin() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.state === "none" && this.choice !== OFF) this.start();
      else this.list();
    });
    setInterval(() => this.watch(), 500);
    return this.start();
  }

  choose(id) {
    keep("camera", id);
    return this.start();
  }

  async start() {
    this.stop();
    const turn = this.turn;
    if (this.choice === OFF) return this.tell("none");
    if (!navigator.mediaDevices) return this.tell("lost", "need_secure");
    this.tell("starting");
    try {
      const stream = await this.open();
      if (turn !== this.turn) return stop(stream); // Another attempt has begun.
      this.video.srcObject = stream;
      await this.take(stream.getVideoTracks()[0], turn);
    } catch (error) {
      if (turn === this.turn) this.fail(error, turn);
    }
  }

  async open() {
    const id = this.choice;
    const get = (which) => navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WISH, ...which } });
    if (!id) return get(BACK);
    try {
      return await get({ deviceId: { exact: id } });
    } catch (error) {
      // The chosen one is gone, or has another name since the browser forgot its data.
      if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error;
      return get(BACK);
    }
  }

  async take(track, turn) {
    this.track = track;
    track.addEventListener("ended", () => { if (turn === this.turn) this.lose("camera_stopped"); });
    track.addEventListener("mute", () => { if (turn === this.turn) this.tell("lost", "camera_busy"); });
    track.addEventListener("unmute", () => { if (turn === this.turn) this.tell("live"); });
    await this.video.play();
    if (turn !== this.turn) return;
    this.pictureAt = performance.now();
    this.readControls();
    await this.constrain({ focusMode: "continuous" }, "focusMode");
    const zoom = Number(recall("zoom"));
    if (zoom && this.zoom) await this.turnZoom(zoom);
    await this.list();
    if (turn === this.turn) this.tell("live");
  }

  readControls() {
    const able = this.track.getCapabilities?.() ?? {};
    this.able = able;
    this.torch = able.torch ? false : null;
    this.zoom = able.zoom?.max > able.zoom?.min
      ? { value: this.track.getSettings().zoom ?? able.zoom.min, ...pick(able.zoom) } : null;
  }

  // Only what the camera can do is asked of it. It may refuse all the same.
  async constrain(wish, name) {
    const can = this.able?.[name];
    if (!can || (Array.isArray(can) && !can.includes(wish[name]))) return false;
    try {
      await this.track.applyConstraints({ advanced: [wish] });
      return true;
    } catch {
      return false;
    }
  }

  async turnTorch(on) {
    if (await this.constrain({ torch: on }, "torch")) this.torch = on;
    this.onChange();
  }

  async turnZoom(value) {
    if (!(await this.constrain({ zoom: value }, "zoom"))) return;
    this.zoom.value = value;
    keep("zoom", value);
    this.onChange();
  }

  async list() {
    try {
      const devices = await navigator.mediaDevices.enumerateDevices();
      this.cameras = devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId)
        .map(({ deviceId, label }) => ({ id: deviceId, label }));
    } catch {
      this.cameras = [];
    }
    this.onChange();
  }

  // Call it for each new picture,
  beat() {
    this.pictureAt = performance.now();
  }

  // and this for those that were read, with whether it is black.
  see(black) {
    const now = performance.now();
    this.blackSince = black ? this.blackSince ?? now : null;
    const covered = black && now - this.blackSince > BLACK_MS;
    if (covered) this.tell("lost", "camera_black");
    else if (this.why === "camera_black" || this.why === "camera_frozen") this.tell("live");
    if (!black) this.failures = 0;
  }

  watch() {
    const silent = performance.now() - this.pictureAt > SILENCE_MS;
    if (this.state === "live" && silent && !document.hidden) this.lose("camera_frozen");
  }

  fail(error, turn) {
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return this.tell("none");
    const why = REASONS[error.name] ?? "camera_busy";
    this.tell("lost", why);
    if (why !== "camera_denied") this.later(turn);
  }

  lose(why) {
    this.tell("lost", why);
    this.later(this.turn);
  }

  later(turn) {
    const forMs = AGAIN_MS[Math.min(this.failures++, AGAIN_MS.length - 1)];
    setTimeout(() => { if (turn === this.turn && !document.hidden) this.start(); }, forMs);
  }

  stop() {
    this.turn += 1;
    this.blackSince = null;
    if (this.video.srcObject) stop(this.video.srcObject);
    this.video.srcObject = null;
    this.track = this.able = null;
    this.torch = this.zoom = null;
  }

  tell(state, why = "") {
    if (state === this.state && why === this.why) return;
    this.state = state;
    this.why = why;
    this.onChange();
  }
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

const pick = ({ min, max, step }) => ({ min, max, step });
