// Estimates the blur of a picture of a code, by motion or defocus, and removes it; as
// kiosk/reader/deblur.py does for a kiosk with Linux, which explains it. Frequencies are in cycles per
// pixel.

import { Fourier } from "./fourier.mjs";

export const SIDE = 256; // of the transformed pictures
const BIN = 4; // so many frequencies each way are averaged
const BAND = [0.02, 0.25]; // lighting below, noise above
const LENGTHS_PX = Array.from({ length: 26 }, (_, step) => 3.5 * 1.09 ** step); // 3.5 to 30
const RADII_PX = Array.from({ length: 21 }, (_, step) => 1.4 * 1.08 ** step); // 1.4 to 6.5
const FLOOR = 0.01; // Minimum of a blur's pattern, because its dark bands are never quite dark.
const NOISE = 27_000; // power of noise of about 3 gray levels
const NOISE_RATIO = 0.006; // noise-to-signal ratio assumed by the inverse filter
const FIT_MIN = 0.6; // A sharp hall is rarely so like a blur.
// A blur adds light, which is a power of the picture's levels: 2.2 by the standard, which few cameras
// follow.
const LIGHT = Float32Array.from({ length: 256 }, (_, level) => 255 * (level / 255) ** 1.6);

const fourier = new Fourier(SIDE);
const real = new Float32Array(SIDE * SIDE);
const imaginary = new Float32Array(SIDE * SIDE);
let bank = null;

// The picture without its likeliest blur (`choice` 0) or the next (1), as light and by its levels;
// none if it is sharp. It is at most SIDE wide and high.
export function deblurred(gray, choice = 0) {
  const blur = blursOf(gray, choice + 1)[choice];
  return blur ? withoutBlur(gray, blur) : [];
}

// The likeliest blurs of a picture that is filled by a code, best first. Its transform is kept.
export function blursOf(gray, limit) {
  bank ??= makeBank();
  fill(gray);
  fourier.transform(real, imaginary);
  const spectrum = logSpectrum();
  const fits = bank.patterns.map((pattern) => dot(pattern, spectrum));
  const order = Array.from(fits.keys()).sort((one, other) => fits[other] - fits[one]);
  const blurs = [];
  for (const number of order.slice(0, 40)) {
    const blur = { ...bank.blurs[number], fit: fits[number] };
    if (blur.fit < FIT_MIN || blurs.length === limit) break;
    if (!blurs.some((other) => resembles(blur, other))) blurs.push(blur);
  }
  return blurs;
}

function resembles(one, other) {
  if (one.kind !== other.kind || Math.abs(Math.log(one.px / other.px)) > 0.1) return false;
  const apart = Math.abs(one.degrees - other.degrees);
  return Math.min(apart, 180 - apart) * one.px < 100; // Then their ends are about 1.7 pixels apart.
}

// Of the transform that `blursOf` has kept. The filter is real and symmetric, so that one transform
// serves two pictures: as light, and by levels.
function withoutBlur(gray, blur) {
  for (let at = 0; at <= (SIDE * SIDE) / 2 + SIDE / 2; at++) {
    const [across, down] = [Math.floor(at / SIDE), at % SIDE]; // transposed
    const opposite = ((SIDE - across) % SIDE) * SIDE + ((SIDE - down) % SIDE);
    if (opposite < at) continue;
    const transfer = transferOf(blur, frequency(across), frequency(down));
    const factor = transfer / (transfer * transfer + NOISE_RATIO) / (SIDE * SIDE);
    real[at] *= factor;
    imaginary[at] *= factor;
    if (opposite === at) continue;
    real[opposite] *= factor;
    imaginary[opposite] *= factor;
  }
  fourier.transform(imaginary, real);
  return [real, imaginary].map((values) => cut(values, gray));
}

// The picture in the middle, with its borders reflected: as light, and by its levels.
function fill({ data, width, height }) {
  const [left, top] = [(SIDE - width) >> 1, (SIDE - height) >> 1];
  const columns = Array.from({ length: SIDE }, (_, x) => reflected(x - left, width));
  for (let y = 0, at = 0; y < SIDE; y++) {
    const begin = reflected(y - top, height) * width;
    for (let x = 0; x < SIDE; x++, at++) {
      const level = data[begin + columns[x]];
      real[at] = LIGHT[level];
      imaginary[at] = level;
    }
  }
}

function reflected(at, size) {
  const turn = ((at % (2 * size)) + 2 * size) % (2 * size);
  return turn < size ? turn : 2 * size - 1 - turn;
}

function cut(values, { width, height }) {
  const [left, top] = [(SIDE - width) >> 1, (SIDE - height) >> 1];
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < height; y++) {
    const begin = (y + top) * SIDE + left;
    data.set(values.subarray(begin, begin + width), y * width);
  }
  return { data, width, height };
}

// The log of the light's mean power within BAND, of unit length and without its trend.
function logSpectrum() {
  const spectrum = bank.bins.map(({ across, down }) => {
    let power = 0;
    for (let i = 0; i < BIN; i++) for (let j = 0; j < BIN; j++) power += powerAt(across + i, down + j);
    return Math.log(power / BIN ** 2 + NOISE);
  });
  return detrended(Float32Array.from(spectrum), bank.trend);
}

// Of the light, which is the part of the transform that is symmetric, within a Hann window, which is a
// small kernel there.
function powerAt(across, down) {
  let re = 0;
  let im = 0;
  for (let i = -1; i <= 1; i++) {
    for (let j = -1; j <= 1; j++) {
      const weight = HANN[i + 1] * HANN[j + 1];
      const at = ((across + i) & (SIDE - 1)) * SIDE + ((down + j) & (SIDE - 1)); // transposed
      const opposite = ((-across - i) & (SIDE - 1)) * SIDE + ((-down - j) & (SIDE - 1));
      re += weight * (real[at] + real[opposite]);
      im += weight * (imaginary[at] - imaginary[opposite]);
    }
  }
  return (re * re + im * im) / 4;
}
const HANN = [-0.25, 0.5, -0.25];

const frequency = (index) => (index < SIDE / 2 ? index : index - SIDE) / SIDE;

// All blurs, and their log patterns over the bins of half a plane.
function makeBank() {
  const bins = [];
  for (let across = 0; across < SIDE / 2; across += BIN) {
    for (let down = -SIDE / 2; down < SIDE / 2; down += BIN) {
      const radius = Math.hypot(centre(across), centre(down));
      if (radius > BAND[0] && radius < BAND[1]) bins.push({ across, down, radius });
    }
  }
  const trend = basis([() => 1, ({ radius }) => Math.log(radius), ({ radius }) => radius]
    .map((value) => Float32Array.from(bins, value)));
  const blurs = RADII_PX.map((px) => ({ kind: "lens", px, degrees: 0, along: [0, 0] }));
  for (const px of LENGTHS_PX) {
    const count = Math.max(12, Math.round(2.5 * px));
    for (let turn = 0; turn < count; turn++) {
      const degrees = (180 * turn) / count;
      const angle = (Math.PI * turn) / count;
      blurs.push({ kind: "motion", px, degrees, along: [px * Math.cos(angle), -px * Math.sin(angle)] });
    }
  }
  const patterns = blurs.map((blur) => detrended(Float32Array.from(bins, ({ across, down }) =>
    Math.log(transferOf(blur, centre(across), centre(down)) ** 2 + FLOOR)), trend));
  return { bins, trend, blurs, patterns };
}

const centre = (index) => (index + (BIN - 1) / 2) / SIDE;

// Orthogonal vectors of unit length (Gram and Schmidt).
function basis(vectors) {
  const found = [];
  for (const vector of vectors) found.push(detrended(vector, found));
  return found;
}

function detrended(vector, trend) {
  for (const part of trend) {
    const share = dot(vector, part);
    for (let at = 0; at < vector.length; at++) vector[at] -= share * part[at];
  }
  const norm = Math.sqrt(dot(vector, vector)) || 1;
  return vector.map((value) => value / norm);
}

function dot(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += one[at] * other[at];
  return sum;
}

function transferOf({ kind, px, along }, across, down) {
  if (kind === "lens") return JINC[Math.floor(2 * Math.PI * px * Math.hypot(across, down) * JINC_STEPS)];
  const x = Math.PI * (along[0] * across + along[1] * down);
  return x === 0 ? 1 : Math.sin(x) / x;
}

// 2 J1(x) / x, by the polynomials of Abramowitz and Stegun, 9.4.4 and 9.4.6.
function jinc(x) {
  if (x < 3) return 2 * polynomial((x / 3) ** 2, NEAR);
  const far = 3 / x;
  return (2 * polynomial(far, SIZE) * Math.cos(x + polynomial(far, PHASE))) / x ** 1.5;
}

const polynomial = (x, factors) => factors.reduceRight((sum, factor) => sum * x + factor, 0);
const NEAR = [0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109];
const SIZE = [0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033];
const PHASE = [-2.35619449, 0.12499612, 0.0000565, -0.00637879, 0.00074348, 0.00079824, -0.00029166];
const JINC_STEPS = 64; // steps of the table up to 1
const JINC = Float32Array.from(
  { length: Math.ceil(Math.PI * Math.SQRT2 * RADII_PX.at(-1) * JINC_STEPS) + 1 },
  (_, at) => jinc((at + 0.5) / JINC_STEPS),
);
