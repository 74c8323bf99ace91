// Reads the codes in a camera's pictures, one after the other: by zxing in the whole picture, else in the
// likely place of a code, by the next of several means. So a code is read that moves, or is in bad
// light. docs/design/phones.md has what each is worth.

import { deblurred, SIDE } from "./deblur.mjs";
import { crop, pixelsOf, smooth, threshold, twice } from "./pictures.mjs";
import { moving, thumbnail } from "./regions.mjs";

const OPTIONS = {
  formats: ["QRCodeModel2"], // QRCode has Micro QR, too, which gives false reads.
  tryHarder: true,
  tryRotate: false, // A QR code is found at any angle; this is for codes of bars.
  tryInvert: true,
  returnErrors: true,
  maxNumberOfSymbols: 4,
};
const BLACK_AND_WHITE = { ...OPTIONS, binarizer: "FixedThreshold" };
const BUDGET_MS = 33; // for a picture, of which a camera gives 30 a second; at least one means is used
const COST_MS = 10; // of a means, before it was measured
const LIKELY_LOOKS = 10; // A place stays likely for so many pictures after a code, or motion.
const LOCATED_LOOKS = 3; // For so many a located code goes before motion.
const WEARY_LOOKS = 60; // After so many without a code only every fourth is looked at again.
const WEARY_EACH = 4;

// What makes pictures of a crop, twice as large. The crop is `margin` times the symbol, and at most
// `most` pixels wide.
const WIDE = { margin: 2, most: 320 };
const DEBLUR = { prepare: (part) => deblurred(part).map(twice), margin: 1.6, most: SIDE, options: OPTIONS };
const THRESHOLD = { ...WIDE, prepare: (part) => [threshold(part)], options: BLACK_AND_WHITE };
const LARGE = { ...WIDE, prepare: (part) => [twice(part)], options: OPTIONS };
const SMOOTH = { ...WIDE, prepare: (part) => [threshold(smooth(part))], options: BLACK_AND_WHITE };
const TURNS = [DEBLUR, THRESHOLD, DEBLUR, LARGE, DEBLUR, SMOOTH];

export class Looks {
  // `readBarcodes` is zxing's. `clock` is in milliseconds.
  constructor(readBarcodes, clock = () => performance.now()) {
    this.readBarcodes = readBarcodes;
    this.clock = clock;
    this.place = null;
    this.age = 0; // of the place, in pictures
    this.located = false; // A code was there.
    this.thumb = null;
    this.turn = 0;
    this.costs = new Map(); // ms, by means
    this.tried = 0; // looks since the last code
  }

  // The symbols in a gray picture, as {text, corners}, those without a text unread; and whether one
  // that is not read may be in the next picture.
  async look(gray) {
    const began = this.clock();
    const symbols = await this.zxing(gray, OPTIONS);
    const before = this.thumb;
    this.thumb = thumbnail(gray);
    if (symbols.some(({ text }) => text)) return this.found(symbols);
    this.locate(symbols, before);
    if (!this.place || this.isWeary()) return { symbols, likely: false };
    const more = await this.lookAgain(gray, began);
    return more.length > 0 ? this.found(more) : { symbols, likely: true };
  }

  found(symbols) {
    this.keep(regionOf(symbols.find(({ text }) => text).corners), true);
    this.tried = 0;
    return { symbols, likely: false };
  }

  keep(place, located) {
    [this.place, this.located, this.age] = [place, located, 0];
  }

  locate(symbols, before) {
    const [largest] = symbols.map(({ corners }) => regionOf(corners)).sort((a, b) => b.side - a.side);
    this.age += 1;
    if (largest) this.keep(largest, true);
    else if (!this.located || this.age > LOCATED_LOOKS) {
      const place = moving(this.thumb, before);
      if (place) this.keep(place, false);
      else if (this.age > LIKELY_LOOKS) [this.place, this.tried] = [null, 0];
    }
  }

  isWeary() {
    this.tried += 1;
    return this.tried > WEARY_LOOKS && this.tried % WEARY_EACH > 0;
  }

  async lookAgain(gray, began) {
    const used = new Set();
    for (let step = 0; step < TURNS.length; step++) {
      const means = TURNS[this.turn % TURNS.length];
      const cost = this.costs.get(means) ?? COST_MS;
      if (used.size > 0 && this.clock() - began + cost > BUDGET_MS) break;
      this.turn += 1;
      if (used.has(means)) continue;
      used.add(means);
      const start = this.clock();
      const symbols = await this.lookBy(means, gray);
      this.costs.set(means, 0.7 * cost + 0.3 * (this.clock() - start));
      if (symbols.length > 0) return symbols;
    }
    return [];
  }

  async lookBy({ prepare, margin, most, options }, gray) {
    const part = crop(gray, this.place, margin, most);
    if (!part) return [];
    const inPicture = ({ x, y }) => ({ x: part.left + x / (2 * part.scale), y: part.top + y / (2 * part.scale) });
    for (const picture of prepare(part)) {
      const read = (await this.zxing(picture, options)).filter(({ text }) => text);
      if (read.length > 0) return read.map(({ text, corners }) => ({ text, corners: corners.map(inPicture) }));
    }
    return [];
  }

  async zxing(gray, options) {
    const barcodes = await this.readBarcodes(pixelsOf(gray), options);
    return barcodes.map(({ isValid, text, position: p }) => ({
      text: isValid ? text : "", corners: [p.topLeft, p.topRight, p.bottomRight, p.bottomLeft],
    }));
  }
}

function regionOf(corners) {
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return { x: (left + right) / 2, y: (top + bottom) / 2, side: Math.max(right - left, bottom - top, 1) };
}
