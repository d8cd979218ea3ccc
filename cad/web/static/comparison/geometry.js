// Where slices lie in the patient, and where places of one scan lie in the other.
//
// Positions are LPS millimetres [x, y, z]; indices are [k, j, i] with k to the head, j to the back and i to the patient's
// left, so that a slice drawn row by row is seen from the feet, with the patient's left on the right of the picture.

function inverse3(m) {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const det = a * A + b * B + c * C;
  return [
    [A / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [B / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [C / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

const times = (m, v) => m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);

export class Geometry {
  constructor(told) {
    this.shape = told.shape;
    this.series = told.series_number;
    this.images = told.image_numbers ?? [];
    this.axes = told.affine_kji_to_lps.slice(0, 3).map((row) => row.slice(0, 3));
    this.origin = told.affine_kji_to_lps.slice(0, 3).map((row) => row[3]);
    this.inverse = inverse3(this.axes);
    this.spacing = [0, 1, 2].map((column) => Math.hypot(...this.axes.map((row) => row[column]))); // k, j, i
  }
  toLps(index) {
    return times(this.axes, index).map((value, axis) => value + this.origin[axis]);
  }
  toIndex(place) {
    return times(this.inverse, place.map((value, axis) => value - this.origin[axis]));
  }
  holds(index) {
    return index.every((value, axis) => value >= -0.5 && value <= this.shape[axis] - 0.5);
  }
}

// One lattice of cad/report/json/followup_map.py: where its nodes lie in the other scan.
class Lattice {
  constructor(told, positions) {
    this.origin = told.origin_lps_mm;
    this.step = told.step_mm;
    this.shape = told.shape; // z, y, x
    this.positions = positions; // [z][y][x][3]
  }
  get box() {
    const [nz, ny, nx] = this.shape;
    return this.origin.map((first, axis) => [first, first + this.step * ([nx, ny, nz][axis] - 1)]);
  }
  // Trilinear between the nodes; beyond the lattice the shift of its nearest place holds.
  carried(place) {
    const inside = place.map((value, axis) => Math.min(Math.max(value, this.box[axis][0]), this.box[axis][1]));
    const there = this.interpolated(inside);
    return there.map((value, axis) => value + place[axis] - inside[axis]);
  }
  interpolated(place) {
    const [nz, ny, nx] = this.shape;
    const at = place.map((value, axis) => (value - this.origin[axis]) / this.step);
    const base = at.map((value, axis) => Math.min(Math.floor(value), [nx, ny, nz][axis] - 2));
    const part = at.map((value, axis) => value - base[axis]);
    const there = [0, 0, 0];
    for (let corner = 0; corner < 8; corner++) {
      const bit = [corner & 1, (corner >> 1) & 1, (corner >> 2) & 1];
      const weight = bit.reduce((product, one, axis) => product * (one ? part[axis] : 1 - part[axis]), 1);
      const node = ((base[2] + bit[2]) * ny + base[1] + bit[1]) * nx + base[0] + bit[0];
      for (let axis = 0; axis < 3; axis++) there[axis] += weight * this.positions[3 * node + axis];
    }
    return there;
  }
}

export function latticesOf(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const lattice = (told) =>
    new Lattice(told, new Float32Array(buffer, 4 + length + told.offset, 3 * told.shape[0] * told.shape[1] * told.shape[2]));
  return { current: lattice(header.to_prior), prior: lattice(header.to_current) };
}
