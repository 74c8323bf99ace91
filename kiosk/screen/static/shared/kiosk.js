// All traffic of the Linux kiosk's page goes through here, by HTTP on loopback: the feed of states,
// the camera's picture, and what staff send.

const SILENCE_MS = 4000; // The kiosk gives a sign of life each second.
const RETRY_MS = 1000;
const NO_PICTURE_MS = 1000;
const ANSWER_MS = 15000; // The longest wait for the kiosk to take what was sent. A scan may wait 10 s for a place.

const meta = (name) => document.querySelector(`meta[name="hallkeeper-${name}"]`).content;

class Feed {
  constructor(onState, onLink) {
    this.onState = onState;
    this.onLink = onLink;
    this.heardAt = performance.now();
    this.linked = null;
    this.open();
    setInterval(() => this.watch(), 500);
  }

  open() {
    this.source?.close();
    this.openedAt = performance.now();
    this.source = new EventSource("/feed");
    this.source.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    this.source.addEventListener("beat", () => this.hear(null));
    this.source.addEventListener("error", () => this.link(false));
  }

  hear(state) {
    this.heardAt = performance.now();
    if (state && state.page !== meta("page")) {
      // The kiosk was started again, so its page and its token are new.
      location.reload();
      return;
    }
    this.link(true);
    if (state) this.onState(state);
  }

  link(up) {
    if (up !== this.linked) this.onLink(up);
    this.linked = up;
  }

  watch() {
    const now = performance.now();
    if (now - this.heardAt > SILENCE_MS) this.link(false);
    const dead = this.source.readyState === EventSource.CLOSED;
    const waited = now - this.openedAt;
    if ((dead && waited > RETRY_MS) || (!this.linked && waited > SILENCE_MS)) this.open();
  }
}

// `onLink` gets whether the kiosk gives signs of life, at each change.
export function follow(onState, onLink) {
  new Feed(onState, onLink);
}

// Sends to the kiosk and returns {ok, status, data}. The status is 0 where it did not answer.
export async function ask(path, body) {
  const token = { "Content-Type": "application/json", "X-Hallkeeper-Token": meta("token") };
  const post = { method: "POST", headers: token, body: JSON.stringify(body) };
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(path, { ...(body === undefined ? {} : post), signal });
    const json = response.headers.get("Content-Type") === "application/json";
    const data = json ? await response.json() : {};
    return { ok: response.ok, status: response.status, data };
  } catch {
    return { ok: false, status: 0, data: {} };
  }
}

// Draws the newest picture, with one request at a time. `onPicture` is told whether there is one.
export function watchPicture(canvas, onPicture) {
  const pen = canvas.getContext("2d", { alpha: false });
  let number = 0;
  const next = async () => {
    let pause = NO_PICTURE_MS;
    if (!document.hidden) {
      const image = new Image();
      image.src = `/picture.jpg?${++number}`;
      try {
        await image.decode();
        if (canvas.width !== image.naturalWidth) canvas.width = image.naturalWidth;
        if (canvas.height !== image.naturalHeight) canvas.height = image.naturalHeight;
        pen.drawImage(image, 0, 0);
        onPicture(true);
        pause = Number(meta("picture-ms"));
      } catch {
        onPicture(false);
      }
    }
    setTimeout(next, pause);
  };
  next();
}
