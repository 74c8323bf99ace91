// Reads the codes in one picture after the other: by the browser's own detector where there is one,
// and by zxing-wasm.

import { prepareZXingModule, readBarcodes } from "./vendor/zxing/reader.mjs";

const LONGEST = 1280; // Larger pictures are made smaller.
const OPTIONS = {
  formats: ["QRCode"],
  tryHarder: true,
  tryRotate: false, // A QR code is found at any angle; this is for codes of bars.
  tryInvert: true,
  returnErrors: true,
  maxNumberOfSymbols: 4,
};
const GRID = 24; // So many points a side tell how light the picture is.

prepareZXingModule({
  overrides: { locateFile: (name) => new URL(`vendor/zxing/${name}`, import.meta.url).href },
  fireImmediately: true,
});
const detector = ownDetector(); // A promise: messages must not come before the listener.
const canvas = new OffscreenCanvas(1, 1);
const pen = canvas.getContext("2d", { willReadFrequently: true });

addEventListener("message", async ({ data: { picture, at } }) => {
  try {
    postMessage({ at, ...(await read(picture)) });
  } catch {
    postMessage({ at, codes: [], located: false, light: { mean: 128, spread: 128 } });
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
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const own = await detect(await detector, picture, scale);
  const found = own.length > 0 ? own : await zxing(pixels);
  const codes = found.filter(({ text }) => text);
  return { codes, located: found.length > 0, light: lightOf(pixels) };
}

async function detect(detector, picture, scale) {
  if (!detector) return [];
  try {
    const found = await detector.detect(picture);
    return found.map(({ rawValue, cornerPoints }) => ({
      text: rawValue, area: area(cornerPoints) * scale * scale,
    }));
  } catch {
    return []; // Then zxing reads it.
  }
}

async function zxing(pixels) {
  const found = await readBarcodes(pixels, OPTIONS);
  return found.map(({ isValid, text, position: p }) => ({
    text: isValid ? text : "", area: area([p.topLeft, p.topRight, p.bottomRight, p.bottomLeft]),
  }));
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
      const at = 4 * (y * width + x);
      values.push(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);
    }
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return { mean, spread };
}
