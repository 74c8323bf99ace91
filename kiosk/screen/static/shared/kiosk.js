// All traffic of the Linux kiosk's page goes through here, by HTTP on loopback: the feed of states,
// the camera's picture, and what staff send.
//
// While the kiosk is not there, another account of this computer may hold its port. So the server of
// each feed must prove that it made this page. Without such a feed nothing is sent, shown or loaded.

const SILENCE_MS = 4000; // The kiosk gives a sign of life each second.
const RETRY_MS = 1000;
const NO_PICTURE_MS = 1000;
const ANSWER_MS = 15000; // The longest wait for the kiosk to take what was sent. A scan may wait 10 s for a place.

const meta = (name) => document.querySelector(`meta[name="hallkeeper-${name}"]`).content;

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

// Whether `proof` is what the server that made this page answers to the challenge.
async function proves(challenge, proof) {
  const text = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", text.encode(meta("key")), algorithm, false, ["sign"]);
  const expected = await crypto.subtle.sign("HMAC", key, text.encode(challenge));
  return hex(new Uint8Array(expected)) === proof;
}

let linked = null; // Whether the kiosk that made this page gives signs of life.

export const isLinked = () => linked === true;

class Feed {
  constructor(onState, onLink) {
    this.onState = onState;
    this.onLink = onLink;
    this.heardAt = performance.now();
    this.open();
    setInterval(() => this.watch(), 500);
  }

  open() {
    this.source?.close();
    this.openedAt = performance.now();
    const challenge = hex(crypto.getRandomValues(new Uint8Array(32)));
    const source = new EventSource(`/feed?challenge=${challenge}`);
    this.source = source;
    let proven = Promise.resolve(false);
    source.addEventListener("proof", (event) => { proven = proves(challenge, event.data); });
    const hear = async (event) => {
      const known = await proven;
      if (source !== this.source || source.readyState === EventSource.CLOSED) return;
      if (known) this.hear(event.type === "beat" ? null : JSON.parse(event.data));
      else this.lose(source);
    };
    source.addEventListener("message", hear);
    source.addEventListener("beat", hear);
    // The browser would connect again by itself, and the next server would count as proven.
    source.addEventListener("error", () => this.lose(source));
  }

  lose(source) {
    source.close();
    this.link(false);
  }

  hear(state) {
    this.heardAt = performance.now();
    this.link(true);
    if (state) this.onState(state);
  }

  link(up) {
    const before = linked;
    linked = up;
    if (up !== before) this.onLink(up);
  }

  watch() {
    const now = performance.now();
    if (now - this.heardAt > SILENCE_MS) this.link(false);
    const dead = this.source.readyState === EventSource.CLOSED;
    const waited = now - this.openedAt;
    if ((dead && waited > RETRY_MS) || (!linked && waited > SILENCE_MS)) this.open();
  }
}

// `onLink` gets whether the kiosk gives signs of life, at each change.
export function follow(onState, onLink) {
  new Feed(onState, onLink);
}

// Sends to the kiosk and returns {ok, status, data}. The status is 0 where it did not answer, or
// where it is not known to be the kiosk.
export async function ask(path, body) {
  if (!linked) return { ok: false, status: 0, data: {} };
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
    if (!linked) onPicture(false);
    else if (!document.hidden) {
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
