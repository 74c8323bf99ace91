// A hand scanner is a keyboard. Its keys are collected up to Enter, wherever the focus is. In a
// field that somebody types into, only keys as fast as a scanner's are taken for one.

const TEXT_MAX = 512;
const TEXT_MIN = 4; // Less than this is somebody's elbow on the keyboard.
const PAUSE_MS = 2000; // Keys with a longer pause between them belong to two codes.
// Six keys in a row come from a scanner if each comes so soon after the one before. No hand types
// like that.
const BURST_KEYS = 6;
const BURST_MS = 40;
// A key of a scanner may come as late as this, for example by radio. What is known to be a scan, or
// began as a badge does, then still goes on.
const LATE_MS = 500;
const KEYS_MAX = 160;
// A field with such a text has a badge in it, however slowly it was typed.
const BADGE = /^HK[0-9A-Z $%*+./:-]{60,}$/i;

export class HandScanner {
  constructor(onText) {
    this.onText = onText;
    this.clear();
    this.lastAt = 0;
    this.swallowed = new Set(); // Keys whose release must not press a button either.
    addEventListener("keydown", (event) => this.down(event), true);
    addEventListener("keyup", (event) => this.up(event), true);
    addEventListener("paste", (event) => this.paste(event), true);
  }

  clear() {
    this.typed = "";
    this.keys = [];
    this.quick = 0; // How many keys in a row came as fast as a scanner's.
    this.starts = []; // Where a scan may have begun, and what stood in the field before it.
  }

  down(event) {
    const altGraph = event.getModifierState?.("AltGraph");
    if (!altGraph && (event.ctrlKey || event.altKey || event.metaKey)) return;
    const now = event.timeStamp; // This is when the key was pressed, however busy the page is.
    const gap = now - this.lastAt;
    if (gap > PAUSE_MS) this.clear();
    const field = typedInto();
    if (event.key === "Enter" || event.key === "Tab") this.end(event, field, gap);
    else if (isCharacter(event) && !event.repeat) this.add(event, field, now, gap);
  }

  add(event, field, now, gap) {
    if (event.key === " " && this.typed === "" && !field) return; // Space presses a button here.
    const known = this.quick >= BURST_KEYS;
    // What a hand typed into a field that has lost the focus since is no part of a scan either.
    const left = !field && this.starts.length > 0;
    if ((field || left) && gap > BURST_MS && !(known && gap <= LATE_MS)) {
      this.starts = this.starts.filter(({ at }) => gap <= LATE_MS && this.beginsAt(at));
      if (this.starts.length === 0) this.clear();
      const at = this.keys.length;
      this.starts.push({ at, field, before: field?.value, caret: field?.selectionStart });
    }
    this.quick = known || gap <= BURST_MS ? this.quick + 1 : 1;
    this.lastAt = now;
    this.typed = (this.typed + (event.key.length === 1 ? event.key : "\ufffd")).slice(0, TEXT_MAX + 1);
    this.keys.push((event.shiftKey ? "^" : "") + event.code);
    if (field && this.quick < BURST_KEYS) return; // So far it may be a hand that types.
    if (this.quick === BURST_KEYS) this.restore();
    this.swallow(event);
  }

  // Whether the keys from there on are a badge's first ones. H and K are on the same keys of every
  // layout.
  beginsAt(at) {
    const [first, second = "KeyK"] = this.keys.slice(at, at + 2).map((key) => key.replace("^", ""));
    return first === "KeyH" && second === "KeyK" && this.keys.length <= TEXT_MAX;
  }

  // Takes out of a field what a scanner put into it before it was known to be a scanner. What a
  // hand typed before the scan stays.
  restore() {
    if (this.starts.length === 0) return;
    const start = this.starts.filter(({ at }) => this.beginsAt(at)).at(-1) ?? this.starts[0];
    const { at, field, before, caret } = start;
    this.typed = this.typed.slice(at);
    this.keys = this.keys.slice(at);
    if (!field) return;
    field.value = before;
    field.setSelectionRange?.(caret, caret);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  end(event, field, gap) {
    const scanners = field?.dataset.scanner !== undefined; // A field that only a scanner types into.
    const own = field && this.quick < BURST_KEYS && !scanners && !BADGE.test(field.value.trim());
    if (own || (!field && this.typed.length < TEXT_MIN) || (field && !scanners && gap > PAUSE_MS)) {
      this.clear(); // It was an ordinary Enter or Tab.
      return;
    }
    this.swallow(event);
    if (field && this.quick < BURST_KEYS) {
      this.typed = field.value.trim();
      this.keys = [];
      field.value = "";
    }
    this.take();
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
    if (typedInto()) return;
    const text = event.clipboardData?.getData("text") ?? "";
    event.preventDefault();
    this.typed = text.trim().slice(0, TEXT_MAX + 1);
    this.keys = [];
    if (this.typed) this.take();
  }

  take() {
    // What is longer than this is no badge, and the kiosk says so.
    const text = this.typed.slice(0, TEXT_MAX);
    const keys = this.keys.length <= KEYS_MAX ? this.keys : [];
    this.clear();
    if (text.length >= TEXT_MIN) this.onText(text, keys);
  }
}

// Dead keys, and those of an input method, are characters too. The key's position tells which.
function isCharacter(event) {
  const named = event.key === "Dead" || event.key === "Process" || event.key === "Unidentified";
  return event.key.length === 1 || (named && event.code !== "");
}

function typedInto() {
  const element = document.activeElement;
  return element?.matches("input:not([type=radio]), textarea") ? element : null;
}
