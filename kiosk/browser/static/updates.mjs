// The one rule of updates: a new version is fetched beside the one that runs, and taken only while no
// scan waits for the server and no answer or panel is open. Each version is tried once a session, so
// that no page reloads for ever.

const EACH_MS = 10 * 60 * 1000;
const ASKED_MS = 30 * 1000; // Between two looks that an admin's wish brings about.
const ANSWER_MS = 6 * 60 * 1000;
const TRIED = "hallkeeper-taken";

export class Updates {
  // `running` is the version of this page's files. `onChange` is called when `stored` or `ready` changes.
  constructor(running, onChange) {
    this.running = running;
    this.onChange = onChange;
    this.stored = false; // Whether this version can start without a network.
    this.ready = null; // A newer version that can be taken.
    this.lookedAt = -ASKED_MS;
    this.looking = false;
  }

  async begin() {
    if (!("serviceWorker" in navigator)) return;
    try {
      await navigator.serviceWorker.register("/door/service_worker.mjs", { scope: "/door/" });
    } catch {
      return; // For example in a private window. Then the page comes from the network each time.
    }
    if (sessionStorage.getItem(TRIED) === this.running) sessionStorage.removeItem(TRIED);
    await this.look();
    setInterval(() => this.look(), EACH_MS);
    addEventListener("online", () => this.look());
  }

  // An admin wants the newest version here.
  wish() {
    if (performance.now() - this.lookedAt > ASKED_MS) this.look();
  }

  async look() {
    if (this.looking) return;
    this.looking = true;
    this.lookedAt = performance.now();
    const { version } = await send({ type: "prepare" });
    this.looking = false;
    if (version === this.running) this.stored = true;
    else if (version && sessionStorage.getItem(TRIED) !== version) this.ready = version;
    this.onChange();
  }

  // Call it when no scan waits.
  async take() {
    const version = this.ready;
    if (!version || isBusy()) return;
    this.ready = null;
    sessionStorage.setItem(TRIED, version);
    if ((await send({ type: "take", version })).version) location.reload();
  }
}

// Asks the service worker. Without an answer the version is null: one whose files don't come never
// becomes ready, and browsers end one that takes long.
function send(message) {
  return new Promise((done) => {
    setTimeout(() => done({ version: null }), ANSWER_MS);
    navigator.serviceWorker.ready.then(({ active }) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => { port1.close(); done(data); };
      active.postMessage(message, [port2]);
    });
  });
}

function isBusy() {
  const tone = document.getElementById("main").dataset.tone;
  return !["idle", "halted", "resting"].includes(tone) || document.body.dataset.panel === "open";
}
