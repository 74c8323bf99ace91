// The Fourier transform of square pictures whose side is a power of two.

export class Fourier {
  constructor(side) {
    this.side = side;
    this.order = new Uint16Array(side);
    for (let place = 1; place < side; place++) {
      this.order[place] = (this.order[place >> 1] >> 1) | (place & 1 ? side >> 1 : 0);
    }
    const turns = Array.from({ length: side / 2 }, (_, step) => (2 * Math.PI * step) / side);
    this.cos = Float32Array.from(turns, Math.cos);
    this.sin = Float32Array.from(turns, (turn) => -Math.sin(turn));
  }

  // In place, and transposed: rows become columns. Twice, with the second time `real` and
  // `imaginary` exchanged, gives the picture again, times the number of its pixels.
  transform(real, imaginary) {
    const { side } = this;
    for (let row = 0; row < side; row++) this.line(real, imaginary, row * side);
    transpose(real, side);
    transpose(imaginary, side);
    for (let row = 0; row < side; row++) this.line(real, imaginary, row * side);
  }

  line(real, imaginary, begin) {
    const { side, order, cos, sin } = this;
    for (let place = 0; place < side; place++) {
      if (order[place] > place) {
        swap(real, begin + place, begin + order[place]);
        swap(imaginary, begin + place, begin + order[place]);
      }
    }
    for (let half = 1, step = side >> 1; half < side; half *= 2, step >>= 1) {
      for (let k = 0; k < half; k++) {
        const c = cos[k * step];
        const s = sin[k * step];
        for (let a = begin + k; a < begin + side; a += 2 * half) {
          const b = a + half;
          const re = real[b] * c - imaginary[b] * s;
          const im = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
  }
}

function transpose(values, side) {
  for (let row = 0; row < side; row++) {
    for (let column = row + 1; column < side; column++) {
      swap(values, row * side + column, column * side + row);
    }
  }
}

function swap(values, a, b) {
  const value = values[a];
  values[a] = values[b];
  values[b] = value;
}
