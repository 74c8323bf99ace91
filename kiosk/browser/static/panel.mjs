// The panel of the camera and the phone, and the torch's button on the picture.

import { OFF } from "./camera.mjs";
import { part } from "./screen/answer/answer.js";
import { put, say } from "./screen/shared/words.js";

const at = (id) => document.getElementById(id);

export class PhonePanel {
  // `facts()` returns the lines about this phone.
  constructor(camera, facts) {
    this.camera = camera;
    this.facts = facts;
    this.painted = "";
    this.install = null; // The browser's own question, where it has one.
    this.listen();
  }

  listen() {
    at("phone").addEventListener("click", () => this.turn(at("phone-panel").hidden));
    at("phone-close").addEventListener("click", () => this.turn(false));
    at("camera-choice").addEventListener("change", ({ target }) => this.camera.choose(target.value));
    at("camera-restart").addEventListener("click", () => this.camera.start());
    at("zoom").addEventListener("input", ({ target }) => this.camera.turnZoom(Number(target.value)));
    at("torch").addEventListener("click", () => this.camera.turnTorch(!this.camera.torch));
    at("install").addEventListener("click", () => { this.install.prompt(); this.keepInstall(null); });
    addEventListener("beforeinstallprompt", (event) => { event.preventDefault(); this.keepInstall(event); });
    // An answer is never covered for long: this panel closes when one comes.
    new MutationObserver(() => this.turn(false)).observe(at("main"), { attributeFilter: ["data-turn"] });
    // One panel at a time: the others are opened by these, and by their keys.
    for (const id of ["supervisor", "help", "overrule"]) at(id).addEventListener("click", () => this.turn(false));
    addEventListener("keydown", ({ key }) => { if (["Escape", "F1", "F9"].includes(key)) this.turn(false); }, true);
  }

  turn(open) {
    if (at("phone-panel").hidden === !open) return;
    for (const id of ["help-close", "panel-close"]) if (open && at(id).offsetParent) at(id).click();
    at("phone-panel").hidden = !open;
    at("phone").setAttribute("aria-expanded", String(open));
    if (open) this.paint();
  }

  keepInstall(event) {
    this.install = event;
    at("install").hidden = !event;
  }

  paint() {
    const { cameras, choice, torch, zoom } = this.camera;
    at("torch").hidden = torch === null;
    at("torch").setAttribute("aria-pressed", String(torch === true));
    at("zoom-row").hidden = zoom === null;
    if (zoom) Object.assign(at("zoom"), { min: zoom.min, max: zoom.max, step: zoom.step || 0.1, value: zoom.value });
    const facts = this.facts();
    const wanted = JSON.stringify([cameras, choice, facts, document.documentElement.lang]);
    if (wanted === this.painted) return;
    this.painted = wanted;
    const choices = [
      ...cameras.map(({ id, label }, place) => [id, label || say("camera_number", { n: place + 1 })]),
      [OFF, say("camera_off")],
    ];
    // Without a choice the browser takes the camera at the back.
    if (!choices.some(([id]) => id === choice)) choices.unshift(["", say("camera_back")]);
    at("camera-choice").replaceChildren(...choices.map(([id, text]) => new Option(text, id, false, id === choice)));
    at("phone-facts").replaceChildren(...facts.map((text) => part("li", text)));
    put(at("install"), say("install"));
  }
}
