// Looks at the camera's pictures: has them read in a worker, the newest one at a time.

const EACH_MS = 66; // Between two pictures that are read, unless one may have an unread code,
const CALM_MS = 160; // and after a minute without a code, which spares the battery.
const CALM_AFTER_MS = 60_000;
const STUCK_MS = 20_000; // A reader that takes longer is replaced by a new one.
const BLACK = 24; // Many cameras give 16 for black.
const HINT_MS = 1500; // What is seen for so long is worth a hint,
const HINT_ENDS_MS = 3000; // which stays for so long after.
const POSTER_MS = 10_000; // Unreadable for longer than this, it is a poster.

export class Eye {
  // `onSeen({at, codes, located})` is called for each picture with a code, `onHint` when the hint
  // changes, and `onFailed` if pictures can't be read.
  constructor(video, camera, { onSeen, onHint, onFailed }) {
    this.video = video;
    this.camera = camera;
    this.onSeen = onSeen;
    this.onHint = onHint;
    this.onFailed = onFailed;
    this.hint = ""; // The key of the words about the view, for staff.
    this.since = { dark: null, unreadable: null };
    this.hintUntil = 0;
    this.reading = false;
    this.likely = false; // The next picture may have an unread code.
    this.readAt = this.codeAt = performance.now();
    this.looks = 0; // Counted since it was last asked.
    this.openReader();
    this.next();
  }

  openReader() {
    this.reader?.terminate();
    this.reading = false;
    this.reader = new Worker(new URL("reader.mjs", import.meta.url), { type: "module" });
    this.reader.addEventListener("message", ({ data }) => this.hear(data));
    this.reader.addEventListener("error", this.onFailed);
  }

  next() {
    // Waits for a new picture, and so never looks at one twice.
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(() => this.look());
    else setTimeout(() => this.look(), EACH_MS);
  }

  async look() {
    this.next();
    this.camera.beat();
    const now = performance.now();
    const pause = this.likely ? 0 : now - this.codeAt > CALM_AFTER_MS ? CALM_MS : EACH_MS;
    if (this.reading && now - this.readAt > STUCK_MS) this.openReader();
    if (this.reading || now - this.readAt < pause || !this.video.videoWidth) return;
    this.reading = true;
    this.readAt = now;
    try {
      const picture = globalThis.VideoFrame ? new VideoFrame(this.video) : await createImageBitmap(this.video);
      this.reader.postMessage({ picture, at: performance.timeOrigin + now }, [picture]);
    } catch {
      this.reading = false; // The camera has just stopped.
    }
  }

  hear({ at, codes, located, likely, light }) {
    this.reading = false;
    this.likely = likely;
    this.looks += 1;
    this.camera.see(light.mean < BLACK && light.spread < 6);
    if (codes.length > 0) this.codeAt = performance.now();
    if (located) this.onSeen({ at, codes, located });
    this.judge(performance.now(), codes.length > 0, located, light);
  }

  judge(now, read, located, light) {
    const before = this.hint;
    const seen = { unreadable: located && !read, dark: !located && light.mean < 40 };
    for (const [key, there] of Object.entries(seen)) {
      this.since[key] = there ? this.since[key] ?? now : null;
      const forMs = there ? now - this.since[key] : 0;
      if (forMs > HINT_MS && !(key === "unreadable" && forMs > POSTER_MS)) {
        this.hint = key;
        this.hintUntil = now + HINT_ENDS_MS;
      }
    }
    if (read || now > this.hintUntil) this.hint = "";
    if (this.hint !== before) this.onHint();
  }

  // How many pictures were read since the last call.
  count() {
    const { looks } = this;
    this.looks = 0;
    return looks;
  }
}
