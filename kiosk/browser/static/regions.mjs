// The likely place of a code that moves, {x, y, side}: texture as of a code, where the picture has
// changed. It is looked for in a thumbnail.

import { mean, sample } from "./pictures.mjs";

const THUMB_WIDTH = 160;
const WINDOW_PX = 13; // of the thumbnail; a badge's code at arm's length
const PATCH_SHARE = 0.5; // This share of the densest texture bounds its patch.
const PATCH_MARGIN = 0.8; // side of a code relative to its patch of texture, with tolerance
const TEXTURE_MIN = 1.5; // mean gradient both ways, in levels, times the share that moves
const MOVED_MIN = 12; // levels; fewer in the dark
const DARK_MOVED_MIN = 4;
const DARK = 5; // MOVED_MIN is at most the mean level divided by this.
const MOVED_SHARE_MAX = 0.6; // If more changed, it was the light or the camera, not a badge.

// `step`: so many pixels are one of the thumbnail.
export function thumbnail(gray) {
  const step = Math.max(1, Math.round(gray.width / THUMB_WIDTH));
  return { ...sample(gray, step), step };
}

// The place of a code that moves; null if there is none. It compares a picture's thumbnail with the one
// before.
export function moving(thumb, before) {
  const weights = motion(thumb, before);
  return weights && busiest(thumb, weights);
}

// The share of pixels around each that have changed; null if none or nearly all of the picture has.
function motion(thumb, before) {
  if (before?.data.length !== thumb.data.length) return null;
  const apart = new Uint8ClampedArray(thumb.data.length);
  let sum = 0;
  for (let at = 0; at < apart.length; at++) {
    apart[at] = Math.abs(thumb.data[at] - before.data[at]);
    sum += thumb.data[at];
  }
  const least = Math.max(DARK_MOVED_MIN, Math.min(MOVED_MIN, sum / apart.length / DARK));
  const moved = mean({ ...thumb, data: apart }, 3);
  let count = 0;
  for (let at = 0; at < apart.length; at++) {
    moved.data[at] = moved.data[at] > least ? 1 : 0;
    count += moved.data[at];
  }
  return count > 0 && count < MOVED_SHARE_MAX * apart.length ? mean(moved, WINDOW_PX).data : null;
}

// The place with the densest gradients both ways, as in a code. `weights`: how much each pixel counts.
function busiest(thumb, weights) {
  const texture = textureOf(thumb);
  let best = 0;
  for (let at = 0; at < texture.length; at++) {
    texture[at] *= weights[at];
    if (texture[at] > texture[best]) best = at;
  }
  if (texture[best] < TEXTURE_MIN) return null;
  const { left, top, right, bottom } = patch(texture, thumb.width, thumb.height, best);
  const side = Math.max(right - left + 1, bottom - top + 1, WINDOW_PX) * PATCH_MARGIN;
  const { step } = thumb;
  return { x: ((left + right + 1) / 2) * step, y: ((top + bottom + 1) / 2) * step, side: side * step };
}

// The weaker of the mean horizontal and vertical gradients around each pixel.
function textureOf({ data, width, height }) {
  const across = new Float32Array(data.length);
  const down = new Float32Array(data.length);
  for (let y = 1, at = width; y < height; y++, at++) {
    for (let x = 1; x < width; x++) {
      at += 1;
      across[at] = Math.abs(data[at] - data[at - 1]);
      down[at] = Math.abs(data[at] - data[at - width]);
    }
  }
  const [one, other] = [across, down].map((values) => mean({ data: values, width, height }, WINDOW_PX).data);
  for (let at = 0; at < one.length; at++) one[at] = Math.min(one[at], other[at]);
  return one;
}

// The box of the dense texture that is connected with the place `begin`.
function patch(texture, width, height, begin) {
  const least = texture[begin] * PATCH_SHARE;
  const box = { left: width, top: height, right: 0, bottom: 0 };
  const waiting = [begin];
  const seen = new Uint8Array(texture.length);
  seen[begin] = 1;
  while (waiting.length > 0) {
    const at = waiting.pop();
    const [x, y] = [at % width, Math.floor(at / width)];
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
    const around = [x > 0 && at - 1, x < width - 1 && at + 1, y > 0 && at - width, y < height - 1 && at + width];
    for (const next of around) {
      if (next === false || seen[next] || texture[next] < least) continue;
      seen[next] = 1;
      waiting.push(next);
    }
  }
  return box;
}
