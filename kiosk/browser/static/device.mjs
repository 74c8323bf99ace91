// The phone itself: its battery, its screen that must not sleep, and its storage.

export class Device {
  // `onChange` is called when a value changes.
  constructor(onChange) {
    this.onChange = onChange;
    this.battery = null; // In percent; null where the browser does not tell it.
    this.awake = "wakeLock" in navigator; // Whether the browser can keep the screen on.
    this.lock = null;
    this.watchBattery();
  }

  async watchBattery() {
    if (!navigator.getBattery) return;
    const battery = await navigator.getBattery();
    const read = () => {
      this.battery = Math.round(battery.level * 100);
      this.onChange();
    };
    battery.addEventListener("levelchange", read);
    read();
  }

  // Keeps the screen on. The browser ends this whenever the page is hidden.
  keepOn() {
    this.ask();
    document.addEventListener("visibilitychange", () => this.ask());
  }

  async ask() {
    if (!this.awake || document.hidden || (this.lock && !this.lock.released)) return;
    try {
      this.lock = await navigator.wakeLock.request("screen");
    } catch { /* the battery is nearly empty; it is asked again when the page is shown again */ }
  }

  // Asks the browser to keep the data until a person deletes it.
  async persist() {
    try {
      if (!(await navigator.storage.persisted())) await navigator.storage.persist();
    } catch { /* the worker reports the storage as it is */ }
  }
}
