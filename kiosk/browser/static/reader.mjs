// Reads the codes in one picture after the other: by the browser's own detector where there is one,
// and by zxing-wasm.

import { Looks } from "./looks.mjs";
import { grayOf } from "./pictures.mjs";
import { prepareZXingModule, readBarcodes } from "./vendor/zxing/reader.mjs";

const LONGEST = 1280; // Larger pictures are made smaller.
const GRID = 24; // So many points a side tell how light the picture is.

prepareZXingModule({
  overrides: { locateFile: (name) => new URL(`vendor/zxing/${name}`, import.meta.url).href },
  fireImmediately: true,
});
const looks = new Looks(readBarcodes);
const detector = ownDetector(); // A promise: messages must not come before the listener.

addEventListener("message", async ({ data: { picture, at } }) => {
  try {
    postMessage({ at, ...(await read(picture)) });
  } catch {
    postMessage({ at, codes: [], located: false, likely: false, light: { mean: 128, spread: 128 } });
  } finally {
    picture.close();
  }
});
async function ownDetector() {
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : null;
  } catch {
    return null;
  }
}

async function read(picture) {
  const gray = await grayOf(picture, LONGEST);
  const own = await detect(await detector, picture, gray.width);
  const { symbols, likely } = own.length > 0 ? { symbols: own, likely: false } : await looks.look(gray);
  const codes = symbols.filter(({ text }) => text).map(({ text, corners }) => ({ text, area: area(corners) }));
  return { codes, located: symbols.length > 0, likely, light: lightOf(gray) };
}

// Its corners as in a picture that is `width` pixels wide.
async function detect(detector, picture, width) {
  if (!detector) return [];
  const scale = width / (picture.displayWidth ?? picture.width);
  try {
    const found = await detector.detect(picture);
    return found.map(({ rawValue, cornerPoints }) => ({
      text: rawValue, corners: cornerPoints.map(({ x, y }) => ({ x: x * scale, y: y * scale })),
    }));
  } catch {
    return []; // Then zxing reads it.
  }
}

// The area of a polygon (Gauss).
function area(points) {
  const parts = points.map((point, place) => {
    const other = points[(place + 1) % points.length];
    return point.x * other.y - other.x * point.y;
  });
  return Math.abs(parts.reduce((sum, part) => sum + part, 0)) / 2;
}

// The mean and the standard deviation of the lightness, from 0 to 255, at some points.
function lightOf({ data, width, height }) {
  const values = [];
  for (let row = 0.5; row < GRID; row++) {
    for (let column = 0.5; column < GRID; column++) {
      const x = Math.floor((column / GRID) * width);
      const y = Math.floor((row / GRID) * height);
      values.push(data[y * width + x]);
    }
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, spread };
}
