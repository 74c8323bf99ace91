// Runs the scripts by which a phone reads on gray pictures, and prints the results as JSON:
//   node looks_cases.mjs VENDOR CASE WIDTH HEIGHT FILE…
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { blursOf, deblurred } from "../../../kiosk/browser/static/deblur.mjs";
import { Looks } from "../../../kiosk/browser/static/looks.mjs";

const [vendor, name, width, height, ...files] = process.argv.slice(2);
const { prepareZXingModule, readBarcodes } = await import(pathToFileURL(join(vendor, "zxing/reader.mjs")));
prepareZXingModule({ overrides: { wasmBinary: await readFile(join(vendor, "zxing/zxing_reader.wasm")) } });
const pictures = await Promise.all(files.map(async (file) => (
  { data: new Uint8ClampedArray(await readFile(file)), width: Number(width), height: Number(height) }
)));

const cases = {
  // Each picture's blur, and its levels without it.
  blurs: () => pictures.map((picture) => ({
    blurs: blursOf(picture, 3).map(({ kind, px, degrees, fit }) => ({ kind, px, degrees, fit })),
    deblurred: deblurred(picture).map(({ data }) => [...data])[1] ?? null,
  })),
  // A camera's pictures, one after the other: what is read, and whether the next may have a code.
  film: () => inTurn(new Looks(readBarcodes)),
  // The same, without further looks at a part of a picture.
  plain: () => inTurn(new Looks((pixels, options) => (pixels.width === Number(width) ? readBarcodes(pixels, options) : []))),
  // The numbers of looks, where each takes 20 ms and reads nothing; or 1 ms.
  slow: () => counted(20),
  quick: () => counted(1),
};

async function inTurn(looks) {
  const results = [];
  for (const picture of pictures) {
    const { symbols, likely } = await looks.look(picture);
    results.push({ texts: symbols.map(({ text }) => text), corners: symbols.map(({ corners }) => corners), likely });
  }
  return results;
}

async function counted(tookMs) {
  let [count, now] = [0, 0];
  const looks = new Looks(async () => { count += 1; now += tookMs; return []; }, () => now);
  const counts = [];
  for (const picture of pictures) {
    const before = count;
    await looks.look(picture);
    counts.push(count - before);
  }
  return counts;
}

console.log(JSON.stringify(await cases[name]()));
