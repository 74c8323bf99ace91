// Gray pictures, {data, width, height}, with levels from 0 to 255, and what prepares them for zxing.

const AROUND_PX = 13; // twice on both sides: about 25 pixels, or 3 to 10 modules
const GRAIN = [0.0708, 0.2445, 0.3694, 0.2445, 0.0708]; // of a Gaussian of 1.1 pixels

// A camera's picture, a VideoFrame or an ImageBitmap, at most `most` pixels wide and high. It takes a
// frame's own levels where it can: browsers convert those of many cameras as if they began at 16, so
// that dark parts become black.
export async function grayOf(picture, most) {
  const width = picture.displayWidth ?? picture.width;
  const height = picture.displayHeight ?? picture.height;
  const scale = Math.min(1, most / Math.max(width, height));
  try {
    if (PLANES.includes(picture.format) && scale === 1) return await lumaOf(picture);
  } catch {
    // A frame in the memory of the graphics may have no copy.
  }
  return drawn(picture, Math.round(width * scale), Math.round(height * scale));
}
const PLANES = ["I420", "I420A", "I422", "I444", "NV12"]; // Their first plane is the lightness.

async function lumaOf(frame) {
  const { width, height } = frame.visibleRect;
  const bytes = new Uint8ClampedArray(frame.allocationSize());
  const [{ offset, stride }] = await frame.copyTo(bytes);
  if (stride === width) return { data: bytes.subarray(offset, offset + width * height), width, height };
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const begin = offset + y * stride;
    data.set(bytes.subarray(begin, begin + width), y * width);
  }
  return { data, width, height };
}

let pen = null;

function drawn(picture, width, height) {
  pen ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  [pen.canvas.width, pen.canvas.height] = [width, height];
  pen.drawImage(picture, 0, 0, width, height);
  const colours = pen.getImageData(0, 0, width, height).data;
  const data = new Uint8ClampedArray(width * height);
  for (let at = 0, from = 0; at < data.length; at++, from += 4) {
    data[at] = (77 * colours[from] + 150 * colours[from + 1] + 29 * colours[from + 2]) >> 8;
  }
  return { data, width, height };
}

// As zxing takes it.
export function pixelsOf({ data, width, height }) {
  const words = new Uint32Array(data.length);
  for (let at = 0; at < data.length; at++) words[at] = 0xff000000 | (data[at] * 0x010101);
  return { data: new Uint8ClampedArray(words.buffer), width, height };
}

// The part around a region {x, y, side}, `margin` times as wide and high; at most `most` pixels wide
// and high. `left`, `top` and `scale` are its place in the picture. Null: outside.
export function crop(gray, { x, y, side }, margin, most) {
  const reach = (side * margin) / 2;
  const left = Math.max(0, Math.floor(x - reach));
  const top = Math.max(0, Math.floor(y - reach));
  const width = Math.min(gray.width, Math.ceil(x + reach)) - left;
  const height = Math.min(gray.height, Math.ceil(y + reach)) - top;
  if (width < 1 || height < 1) return null;
  const data = new Uint8ClampedArray(width * height);
  for (let row = 0; row < height; row++) {
    const begin = (top + row) * gray.width + left;
    data.set(gray.data.subarray(begin, begin + width), row * width);
  }
  const scale = Math.min(1, most / Math.max(width, height));
  return { ...shrink({ data, width, height }, scale), left, top, scale };
}

// Reduced by a whole number. It takes four pixels of each square, for speed.
export function sample({ data, width, height }, step) {
  const small = { data: null, width: Math.floor(width / step), height: Math.floor(height / step) };
  small.data = new Uint8ClampedArray(small.width * small.height);
  const right = step >> 1;
  const below = width * right;
  for (let y = 0, at = 0; y < small.height; y++) {
    let from = y * step * width;
    for (let x = 0; x < small.width; x++, at++, from += step) {
      small.data[at] = (data[from] + data[from + right] + data[from + below] + data[from + right + below]) / 4;
    }
  }
  return small;
}

// Reduced by averaging areas, which removes noise.
export function shrink(gray, scale) {
  if (scale >= 1) return gray;
  const width = Math.max(1, Math.round(gray.width * scale));
  const height = Math.max(1, Math.round(gray.height * scale));
  const rows = new Float32Array(width * gray.height);
  const across = shares(gray.width, width);
  for (let y = 0, at = 0; y < gray.height; y++) {
    for (let x = 0; x < width; x++, at++) rows[at] = weighted(gray.data, y * gray.width, 1, across, x);
  }
  const data = new Uint8ClampedArray(width * height);
  const down = shares(gray.height, height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) data[at] = weighted(rows, x, width, down, y);
  }
  return { data, width, height };
}

// For each of `to` parts of a line of `from` values: its first value, and the shares of the values.
function shares(from, to) {
  const count = Math.ceil(from / to) + 1;
  const first = new Uint16Array(to);
  const weights = new Float32Array(to * count);
  for (let part = 0; part < to; part++) {
    const [low, high] = [(part * from) / to, ((part + 1) * from) / to];
    first[part] = Math.min(low, from - count);
    for (let at = 0; at < count; at++) {
      const place = first[part] + at;
      weights[part * count + at] = (Math.max(0, Math.min(high, place + 1) - Math.max(low, place)) * to) / from;
    }
  }
  return { count, first, weights };
}

function weighted(values, begin, step, { count, first, weights }, part) {
  let sum = 0;
  for (let at = 0, from = begin + first[part] * step; at < count; at++, from += step) {
    sum += weights[part * count + at] * values[from];
  }
  return sum;
}

// Twice as wide and high, by cubic interpolation, to read modules under 2 pixels.
export function twice({ data, width, height }) {
  const rows = new Float32Array(2 * width * height);
  for (let row = 0; row < height; row++) spread(data, row * width, width, 1, rows, row * 2 * width, 1);
  const wide = 2 * width;
  const large = new Uint8ClampedArray(wide * 2 * height);
  for (let column = 0; column < wide; column++) spread(rows, column, height, wide, large, column, wide);
  return { data: large, width: wide, height: 2 * height };
}

// A line of `count` values to twice as many.
function spread(values, begin, count, step, result, target, put) {
  const last = begin + (count - 1) * step;
  let b = values[begin];
  let a = b;
  let c = b;
  let d = values[Math.min(last, begin + step)];
  for (let place = 0, from = begin + 2 * step; place < count; place++, from += step) {
    const e = values[Math.min(last, from)];
    result[target + 2 * place * put] = CUBIC[0] * a + CUBIC[1] * b + CUBIC[2] * c + CUBIC[3] * d;
    result[target + (2 * place + 1) * put] = CUBIC[3] * b + CUBIC[2] * c + CUBIC[1] * d + CUBIC[0] * e;
    a = b;
    b = c;
    c = d;
    d = e;
  }
}
// At three quarters of the way (Keys, -0.75).
const CUBIC = [-0.03515625, 0.26171875, 0.87890625, -0.10546875];

// Enlarged, in black and white by the mean around each pixel, against shadow, glare and defocus.
export function threshold(gray) {
  const around = mean(mean(gray, AROUND_PX), AROUND_PX).data;
  const large = twice(gray);
  for (let y = 0, at = 0; y < large.height; y++) {
    const begin = (y >> 1) * gray.width;
    for (let x = 0; x < large.width; x++, at++) {
      large.data[at] = large.data[at] >= around[begin + (x >> 1)] ? 255 : 0;
    }
  }
  return large;
}

// Without the grain of a dark picture.
export function smooth({ data, width, height }) {
  const rows = new Float32Array(data.length);
  const result = new Uint8ClampedArray(data.length);
  for (let y = 0; y < height; y++) weigh(data, rows, y * width, 1, width);
  for (let x = 0; x < width; x++) weigh(rows, result, x, width, height);
  return { data: result, width, height };
}

function weigh(values, result, begin, step, count) {
  for (let at = 0; at < count; at++) {
    let sum = 0;
    for (let k = -2; k <= 2; k++) {
      sum += GRAIN[k + 2] * values[begin + Math.max(0, Math.min(count - 1, at + k)) * step];
    }
    result[begin + at * step] = sum;
  }
}

// Each pixel is the mean of those around it, in a square of `side` pixels (odd).
export function mean({ data, width, height }, side) {
  const rows = new Float32Array(data.length);
  const result = new Float32Array(data.length);
  for (let y = 0; y < height; y++) slide(data, rows, y * width, 1, width, side);
  for (let x = 0; x < width; x++) slide(rows, result, x, width, height, side);
  return { data: result, width, height };
}

// The running mean of a line, whose ends are repeated.
function slide(values, result, begin, step, count, side) {
  const reach = side >> 1;
  const last = begin + (count - 1) * step;
  let sum = (reach + 1) * values[begin];
  for (let k = 1; k <= reach; k++) sum += values[Math.min(last, begin + k * step)];
  for (let at = begin; at <= last; at += step) {
    result[at] = sum / side;
    sum += values[Math.min(last, at + (reach + 1) * step)] - values[Math.max(begin, at - reach * step)];
  }
}
