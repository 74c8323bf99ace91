// A hand scanner is a keyboard: its keys are collected wherever the focus is, up to Enter.
// There is no input field, so no input method, focus or dialog can swallow a badge.

const TEXT_MAX = 512;
const TEXT_MIN = 4; // less is somebody's elbow on the keyboard
const PAUSE_MS = 2000; // keys further apart are not of one code

export class HandScanner {
  constructor(onText) {
    this.onText = onText;
    this.typed = "";
    this.lastAt = 0;
    this.swallowed = new Set(); // keys whose release must not press a button either
    addEventListener("keydown", (event) => this.down(event), true);
    addEventListener("keyup", (event) => this.up(event), true);
    addEventListener("paste", (event) => this.paste(event), true);
  }

  down(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const now = performance.now();
    if (now - this.lastAt > PAUSE_MS) this.typed = "";
    if (event.key === "Enter" || event.key === "Tab") {
      if (this.typed === "") return; // an ordinary Enter or Tab
      this.swallow(event);
      this.end();
    } else if (event.key.length === 1 && !event.repeat) {
      if (event.key === " " && this.typed === "") return; // Space on a button
      this.swallow(event);
      this.typed = (this.typed + event.key).slice(0, TEXT_MAX + 1);
      this.lastAt = now;
    }
  }

  up(event) {
    if (!this.swallowed.delete(event.code)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  swallow(event) {
    this.swallowed.add(event.code);
    event.preventDefault();
    event.stopPropagation();
  }

  paste(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    event.preventDefault();
    this.typed = text.trim().slice(0, TEXT_MAX + 1);
    if (this.typed) this.end();
  }

  end() {
    const text = this.typed.slice(0, TEXT_MAX); // a longer one is no badge, and is told so
    this.typed = "";
    if (text.length >= TEXT_MIN) this.onText(text);
  }
}
