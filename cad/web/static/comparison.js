// The comparison page: two stacks of slices that show one place of the patient, the nodules of both, and their growth.
//
// Positions are LPS millimetres [x, y, z]; indices are [k, j, i] with k to the head, j to the back and i to the patient's
// left, so that a slice drawn row by row is seen from the feet, with the patient's left on the right of the picture.
// A stack keeps its own `place`. Where scrolling is linked, the other stack's place follows by the registration.

const PRESETS = [
  { name: "Lung", centre: -600, width: 1500 },
  { name: "Mediastinum", centre: 40, width: 400 },
  { name: "Bone", centre: 400, width: 1800 },
];
const STATUSES = ["new", "growing", "stable", "shrinking", "resolved"];
const REASONS = {
  "no-prior": "The archive holds no earlier chest CT of this patient.",
  "no-suitable-prior": "Earlier examinations are there, and none of them can be compared.",
  "not-in-this-version": "This version does not compare examinations.",
  "not-requested": "No comparison was asked for.",
  "not-available": "The stage that compares examinations did not run.",
};
const REQUESTS_AT_ONCE = 3;
const AHEAD = 24; // slices fetched on each side of the one that is shown
const KEPT_BYTES = 200e6; // slices kept per stack
const RING_MM = 2; // between a nodule's edge and its ring
const DRAG_STARTS = 4; // pixels
const LARGEST_ZOOM = 12;
const NODULE_ZOOM = 4;
const WHEEL_STEP = 100; // pixels of one notch
const DAY_MS = 86400e3;

const api = `/api/v1/jobs/${document.body.dataset.job}`;
const element = (id) => document.getElementById(id);
const view = { window: { ...PRESETS[0] }, zoom: 1, linked: true, crosshair: true, circles: true, selected: null };
let stacks = [];
let rows = [];
let active = null;
let mapTrouble = "";

// -- numbers and words ---------------------------------------------------------------------------------------

const MINUS = "−";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const digitsFor = (value) => (Math.abs(value) < 10 ? 1 : 0);

function said(value, digits = digitsFor(value)) {
  return value.toFixed(digits).replace("-", MINUS);
}

function signed(value, digits = digitsFor(value)) {
  const text = said(value, digits);
  return value > 0 && Number(value.toFixed(digits)) !== 0 ? `+${text}` : text;
}

function interval(pair, say = said) {
  if (!Array.isArray(pair)) return "";
  const [low, high] = pair;
  if (!isNumber(low)) return isNumber(high) ? `at most ${say(high)}` : "";
  return isNumber(high) ? `${say(low)} to ${say(high)}` : `at least ${say(low)}`;
}

function days(count) {
  const whole = Math.round(count);
  return whole < 92 ? `${whole} days` : `${whole} days (${(whole / 30.44).toFixed(whole < 304 ? 1 : 0)} months)`;
}

const ballDiameter = (volume) => Math.cbrt((6 * volume) / Math.PI);

// -- what the server holds -----------------------------------------------------------------------------------

async function asked(path) {
  const answer = await fetch(path);
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const detail = typeof told.detail === "object" ? told.detail?.text : told.detail;
  throw new Error(told.text ?? detail ?? `The server answered ${answer.status}.`);
}

const json = async (path) => (await asked(path)).json();

// -- geometry ------------------------------------------------------------------------------------------------

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

class Geometry {
  constructor(told) {
    this.shape = told.shape;
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

// One lattice of cad/service/comparison_map.py: where its nodes lie in the other scan.
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

function latticesOf(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const lattice = (told) =>
    new Lattice(told, new Float32Array(buffer, 4 + length + told.offset, 3 * told.shape[0] * told.shape[1] * told.shape[2]));
  return { current: lattice(header.to_prior), prior: lattice(header.to_current) };
}

// -- a stack -------------------------------------------------------------------------------------------------

class Stack {
  constructor(name) {
    this.name = name;
    this.pane = element(name);
    this.canvas = this.pane.querySelector("canvas");
    this.slider = this.pane.querySelector(".slider");
    this.picture = document.createElement("canvas"); // the slice in its own pixels
    this.slices = new Map();
    this.asked = new Set();
    this.place = null;
    this.shown = null;
    this.nodules = [];
    this.dates = "";
  }

  get other() {
    return stacks.find((stack) => stack !== this) ?? null;
  }
  get index() {
    return this.geometry.toIndex(this.place);
  }
  get wanted() {
    return Math.min(Math.max(Math.round(this.index[0]), 0), this.geometry.shape[0] - 1);
  }

  open(told, lattice) {
    this.told = told;
    this.geometry = new Geometry(told);
    this.lattice = lattice;
    const [slices, height, width] = this.geometry.shape;
    this.picture.width = width;
    this.picture.height = height;
    this.slider.max = slices - 1;
    const middle = this.geometry.toLps([(slices - 1) / 2, (height - 1) / 2, (width - 1) / 2]);
    const box = lattice?.box;
    this.middle = box ? box.map(([low, high]) => (low + high) / 2) : middle;
    this.place = this.middle;
    this.extent = box
      ? [0, 1].map((axis) => box[axis][1] - box[axis][0])
      : [width * this.geometry.spacing[2], height * this.geometry.spacing[1]];
    this.centreOn(this.middle);
  }

  centreOn(place) {
    const [, j, i] = this.geometry.toIndex(place);
    this.centre = { j, i };
  }

  // Fetches the nearest missing slice around the wanted one, a few at a time.
  fill() {
    while (this.asked.size < REQUESTS_AT_ONCE) {
      const k = this.nearestMissing();
      if (k === null) return;
      this.load(k);
    }
  }
  nearestMissing() {
    for (let away = 0; away <= AHEAD; away++) {
      for (const k of [this.wanted + away, this.wanted - away]) {
        if (k >= 0 && k < this.geometry.shape[0] && !this.slices.has(k) && !this.asked.has(k)) return k;
      }
    }
    return null;
  }
  async load(k) {
    this.asked.add(k);
    try {
      const answer = await asked(`${api}/scans/${this.name}/slices/${k}`);
      this.slices.set(k, new Int16Array(await answer.arrayBuffer()));
      this.forgetFarthest();
      this.asked.delete(k);
      this.fill();
    } catch (error) {
      this.say(`A slice could not be loaded: ${error.message}\nReload the page to try again.`);
    }
    if (k === this.wanted) refresh();
  }
  forgetFarthest() {
    const [, height, width] = this.geometry.shape;
    const kept = Math.max(4 * AHEAD, Math.floor(KEPT_BYTES / (2 * height * width)));
    while (this.slices.size > kept) {
      const far = [...this.slices.keys()].reduce((a, b) => (Math.abs(a - this.wanted) > Math.abs(b - this.wanted) ? a : b));
      this.slices.delete(far);
    }
  }

  say(text) {
    const message = this.pane.querySelector(".message");
    message.textContent = text;
    message.hidden = !text;
  }

  // -- drawing

  get scale() {
    return fitScale() * view.zoom; // CSS pixels per mm
  }
  screen(j, i) {
    const [, dj, di] = this.geometry.spacing;
    const { clientWidth, clientHeight } = this.canvas;
    return [
      clientWidth / 2 + (i - this.centre.i) * di * this.scale,
      clientHeight / 2 + (j - this.centre.j) * dj * this.scale,
    ];
  }
  underPointer(event) {
    const [, dj, di] = this.geometry.spacing;
    const frame = this.canvas.getBoundingClientRect();
    const i = this.centre.i + (event.clientX - frame.left - frame.width / 2) / (di * this.scale);
    const j = this.centre.j + (event.clientY - frame.top - frame.height / 2) / (dj * this.scale);
    return { j, i };
  }

  // The slice in its own pixels, through the window; once for each slice and window.
  paint() {
    const { window } = view;
    const wanted = `${this.shown} ${window.centre} ${window.width}`;
    if (this.painted === wanted) return;
    this.painted = wanted;
    const hu = this.slices.get(this.shown);
    const image = new ImageData(this.picture.width, this.picture.height);
    const pixels = new Uint32Array(image.data.buffer);
    const low = window.centre - window.width / 2;
    const gain = 255 / window.width;
    for (let n = 0; n < pixels.length; n++) {
      const grey = (hu[n] - low) * gain;
      const byte = grey <= 0 ? 0 : grey >= 255 ? 255 : grey | 0;
      pixels[n] = 0xff000000 | (byte << 16) | (byte << 8) | byte;
    }
    this.picture.getContext("2d").putImageData(image, 0, 0);
  }

  suit(sharpness) {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((side) => Math.round(side * sharpness));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const sharpness = window.devicePixelRatio || 1;
    this.suit(sharpness);
    context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    if (this.slices.has(this.wanted)) this.shown = this.wanted;
    if (this.shown !== null && !this.slices.has(this.shown)) this.shown = null;
    this.pane.dataset.slice = this.wanted;
    this.pane.dataset.place = this.place.map((value) => value.toFixed(2)).join(" ");
    this.pane.dataset.ready = this.shown === this.wanted;
    this.slider.value = this.wanted;
    this.label();
    if (this.shown === null) return;
    this.say("");
    this.paint();
    context.imageSmoothingQuality = "high";
    const [left, top] = this.screen(-0.5, -0.5);
    const [right, bottom] = this.screen(this.geometry.shape[1] - 0.5, this.geometry.shape[2] - 0.5);
    context.drawImage(this.picture, left, top, right - left, bottom - top);
    if (view.circles) this.drawRings(context);
    if (view.crosshair && this.shown === this.wanted) this.drawCrosshair(context);
    this.drawScaleBar(context);
    this.drawSides(context);
  }

  drawRings(context) {
    for (const nodule of this.nodules) {
      const [k, j, i] = this.geometry.toIndex(nodule.centre);
      if (Math.abs(k - this.shown) * this.geometry.spacing[0] > nodule.radius + this.geometry.spacing[0] / 2) continue;
      const [x, y] = this.screen(j, i);
      const radius = Math.max((nodule.radius + RING_MM) * this.scale, 7);
      context.strokeStyle = context.fillStyle = toneOf(nodule.row.status);
      context.lineWidth = nodule.row === view.selected ? 2 : 1.25;
      context.setLineDash(nodule.seen ? [] : [4, 4]);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
      context.setLineDash([]);
      context.font = "600 12px system-ui, sans-serif";
      outlined(context, nodule.row.short, x + radius * 0.72 + 4, y - radius * 0.72 - 2);
    }
  }

  drawCrosshair(context) {
    const index = this.index;
    if (!this.geometry.holds(index)) return;
    const [x, y] = this.screen(index[1], index[2]);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const gap = 14;
    context.strokeStyle = "#6fd0f0a0";
    context.lineWidth = 1;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [
      [0, y, x - gap, y],
      [x + gap, y, width, y],
      [x, 0, x, y - gap],
      [x, y + gap, x, height],
    ]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
  }

  drawScaleBar(context) {
    const length = [100, 50, 20, 10, 5].find((mm) => mm * this.scale < this.canvas.clientWidth / 4) ?? 5;
    const [x, y] = [this.canvas.clientWidth / 2 - (length * this.scale) / 2, this.canvas.clientHeight - 14];
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x, y);
    context.lineTo(x + length * this.scale, y);
    context.lineTo(x + length * this.scale, y - 4);
    for (const [colour, width] of [
      ["#000c", 4],
      ["#a4afba", 1.5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    }
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = "#a4afba";
    context.textAlign = "center";
    outlined(context, `${length} mm`, x + (length * this.scale) / 2, y - 6);
    context.textAlign = "start";
  }

  drawSides(context) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    context.font = "600 13px system-ui, sans-serif";
    context.fillStyle = "#a4afba";
    outlined(context, "R", 10, height / 2 + 4);
    outlined(context, "L", width - 20, height / 2 + 4);
    outlined(context, "A", width / 2 - 4, 20);
  }

  label() {
    const corner = (name) => this.pane.querySelector(`.${name}`);
    const title = document.createElement("b");
    title.textContent = this.name === "current" ? "Current" : "Prior";
    corner("what").replaceChildren(title, this.dates ? `  ${this.dates}` : "");
    const outside = this.geometry.holds(this.index) ? "" : "\nthe place lies outside this scan";
    const waiting = this.shown !== null && this.shown !== this.wanted ? `\nloading slice ${this.wanted + 1} …` : "";
    const slice = this.shown ?? this.wanted;
    const z = this.geometry.toLps([slice, this.geometry.shape[1] / 2, this.geometry.shape[2] / 2])[2];
    corner("where").textContent = `${slice + 1} / ${this.geometry.shape[0]}\nz ${said(z, 1)} mm${outside}${waiting}`;
    corner("where").classList.toggle("outside", outside !== "");
    corner("how").textContent = `W ${Math.round(view.window.width)}  L ${said(view.window.centre, 0)}`;
    this.pane.dataset.outside = outside !== "";
    const thickness = this.told.slice_thickness_mm ?? this.geometry.spacing[0];
    corner("made").textContent = [`${said(thickness, 2)} mm`, this.told.kernel].filter(Boolean).join("  ");
  }
}

function outlined(context, text, x, y) {
  context.save();
  context.strokeStyle = "#000c";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
  context.restore();
}

const tones = new Map();
function toneOf(status) {
  if (!tones.has(status)) tones.set(status, getComputedStyle(document.documentElement).getPropertyValue(`--${status}`).trim());
  return tones.get(status);
}

// Both stacks have one magnification, so that sizes can be compared by eye.
function fitScale() {
  const scales = stacks.flatMap(({ canvas, extent }) => [canvas.clientWidth / extent[0], canvas.clientHeight / extent[1]]);
  return Math.min(...scales);
}

let drawing = 0;
function refresh() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    for (const stack of stacks) {
      stack.draw();
      stack.fill();
      stack.pane.dataset.active = stack === active;
    }
  });
}

// -- going to a place ----------------------------------------------------------------------------------------

// The stack goes to a place of its own scan, and the other one follows.
function go(stack, place, { follow = view.linked } = {}) {
  stack.place = place;
  if (follow && stack.other?.geometry && stack.lattice) stack.other.place = stack.lattice.carried(place);
  refresh();
}

function scroll(stack, count) {
  toSlice(stack, stack.wanted + count);
}

function toSlice(stack, k) {
  const [, j, i] = stack.index;
  go(stack, stack.geometry.toLps([Math.min(Math.max(k, 0), stack.geometry.shape[0] - 1), j, i]));
}

function select(row) {
  view.selected = row;
  for (const { line, series } of rows) {
    line?.setAttribute("aria-selected", "false");
    series?.classList.remove("selected");
  }
  row?.line?.setAttribute("aria-selected", "true");
  row?.line?.scrollIntoView({ block: "nearest" });
  row?.series?.classList.add("selected");
  row?.series?.parentNode.append(row.series);
  element("chart").classList.toggle("chosen", Boolean(row?.series));
}

// Each stack goes to the nodule as it was found there, or to where it would be.
function visit(row) {
  select(row);
  for (const stack of stacks) {
    const own = stack.nodules.find((nodule) => nodule.row === row);
    if (own) stack.place = own.centre;
    if (own && view.zoom > 1) stack.centreOn(own.centre);
  }
  refresh();
}

function step(by) {
  if (!rows.length) return;
  const at = rows.indexOf(view.selected);
  visit(rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : (at + by + rows.length) % rows.length]);
}

function fit() {
  view.zoom = 1;
  for (const stack of stacks) stack.centreOn(stack.middle);
  refresh();
}

function zoomTo(zoom) {
  view.zoom = Math.min(Math.max(zoom, 0.5), LARGEST_ZOOM);
  refresh();
}

function zoomOnPlace() {
  if (view.zoom > 1) return fit();
  for (const stack of stacks) stack.centreOn(stack.place);
  return zoomTo(NODULE_ZOOM);
}

function zoomAround(stack, event, factor) {
  const frame = stack.canvas.getBoundingClientRect();
  const before = stack.scale;
  view.zoom = Math.min(Math.max(view.zoom * factor, 0.5), LARGEST_ZOOM);
  const kept = 1 / before - 1 / stack.scale;
  moveViews((event.clientX - frame.left - frame.width / 2) * kept, (event.clientY - frame.top - frame.height / 2) * kept);
}

function moveViews(rightMm, downMm) {
  for (const { centre, geometry } of stacks) {
    centre.i += rightMm / geometry.spacing[2];
    centre.j += downMm / geometry.spacing[1];
  }
  refresh();
}

function setWindow(centre, width) {
  view.window = { centre: Math.min(Math.max(centre, -1500), 3000), width: Math.min(Math.max(width, 1), 5000) };
  [...element("presets").children].forEach((button, number) => {
    const preset = PRESETS[number];
    button.setAttribute("aria-pressed", preset.centre === view.window.centre && preset.width === view.window.width);
  });
  refresh();
}

function toggle(name) {
  if (element(name).disabled) return;
  view[name] = !view[name];
  element(name).setAttribute("aria-pressed", view[name]);
  if (name === "linked" && view.linked && active) go(active, active.place);
  refresh();
}

// -- pointer, wheel and keys ---------------------------------------------------------------------------------

function listenTo(stack) {
  const { pane, canvas, slider } = stack;
  const activate = () => {
    active = stack;
    refresh();
  };
  pane.addEventListener("pointerenter", activate);
  pane.addEventListener("focusin", activate);
  slider.addEventListener("input", () => toSlice(stack, Number(slider.value)));
  canvas.addEventListener("pointerdown", (event) => drag(stack, event));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  let turned = 0;
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey) return zoomAround(stack, event, event.deltaY < 0 ? 1.15 : 1 / 1.15);
      turned += event.deltaMode === 0 ? event.deltaY : Math.sign(event.deltaY) * WHEEL_STEP;
      const count = Math.trunc(turned / WHEEL_STEP);
      turned -= count * WHEEL_STEP;
      return count ? scroll(stack, -count) : undefined; // turning towards oneself leads to the feet
    },
    { passive: false },
  );
}

function drag(stack, start) {
  const { canvas } = stack;
  const before = { ...view.window };
  let last = start;
  let moved = false;
  canvas.setPointerCapture(start.pointerId);
  const onMove = (event) => {
    const [right, down] = [event.clientX - start.clientX, event.clientY - start.clientY];
    moved ||= Math.hypot(right, down) >= DRAG_STARTS;
    if (!moved) return;
    if (start.shiftKey || start.button === 1) {
      moveViews((last.clientX - event.clientX) / stack.scale, (last.clientY - event.clientY) / stack.scale);
    } else if (start.button === 2) {
      zoomTo(view.zoom * Math.exp((last.clientY - event.clientY) / 150));
    } else {
      const gain = Math.max(before.width / 400, 0.5);
      setWindow(before.centre + down * gain, before.width + right * gain);
    }
    last = event;
  };
  const onEnd = (event) => {
    canvas.removeEventListener("pointermove", onMove);
    if (event.type === "pointerup" && !moved && start.button === 0) click(stack, event);
  };
  canvas.addEventListener("pointermove", onMove);
  canvas.addEventListener("pointerup", onEnd, { once: true });
  canvas.addEventListener("pointercancel", onEnd, { once: true });
}

function click(stack, event) {
  if (stack.shown === null) return;
  const { j, i } = stack.underPointer(event);
  go(stack, stack.geometry.toLps([stack.shown, j, i]), { follow: true });
}

const KEYS = {
  ArrowUp: () => scroll(active, 1),
  ArrowDown: () => scroll(active, -1),
  PageUp: () => scroll(active, 10),
  PageDown: () => scroll(active, -10),
  Home: () => toSlice(active, active.geometry.shape[0] - 1),
  End: () => toSlice(active, 0),
  "+": () => zoomTo(view.zoom * 1.25),
  "=": () => zoomTo(view.zoom * 1.25),
  "-": () => zoomTo(view.zoom / 1.25),
  0: fit,
  z: zoomOnPlace,
  n: () => step(1),
  p: () => step(-1),
  l: () => toggle("linked"),
  x: () => toggle("crosshair"),
  o: () => toggle("circles"),
};
PRESETS.forEach((preset, number) => (KEYS[number + 1] = () => setWindow(preset.centre, preset.width)));

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, summary")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || !active?.geometry) return;
  event.preventDefault();
  act();
}

function addTools() {
  for (const { name, centre, width } of PRESETS) {
    const button = made("button", { type: "button", "aria-pressed": "false" }, name);
    button.addEventListener("click", () => setWindow(centre, width));
    element("presets").append(button);
  }
  for (const name of ["linked", "crosshair", "circles"]) element(name).addEventListener("click", () => toggle(name));
  element("fit").addEventListener("click", fit);
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#keys")) element("keys").open = false;
  });
}

function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// -- nodules -------------------------------------------------------------------------------------------------

const shortOf = (label) => label.replace(/^nodule /i, "").replace(/^prior nodule /i, "prior ");

// One row for each nodule of either examination: {uid, label, short, status, now, change}.
function rowsOf(found) {
  const now = new Map((found.nodules ?? []).map((nodule) => [nodule.tracking_uid, nodule]));
  const changes = found.followup?.nodules ?? [];
  const compared = changes.map((change) => {
    const nodule = change.status === "resolved" ? undefined : now.get(change.tracking_uid);
    const status = STATUSES.includes(change.status) ? change.status : "found";
    const label = change.label ?? nodule?.label ?? (change.prior_label ? `Prior ${change.prior_label.toLowerCase()}` : "Prior");
    return { uid: change.tracking_uid, label, short: shortOf(label), status, now: nodule, change };
  });
  const known = new Set(compared.map(({ uid }) => uid));
  const alone = [...now.values()].filter(({ tracking_uid: uid }) => !known.has(uid));
  return [
    ...compared,
    ...alone.map((nodule) => {
      const { tracking_uid: uid, label } = nodule;
      return { uid, label, short: shortOf(label), status: "found", now: nodule, change: {} };
    }),
  ];
}

function addMarks(current, prior) {
  for (const row of rows) {
    const then = row.change.prior_centre_lps_mm;
    const here = row.now?.centre_lps_mm ?? row.change.place_in_current_lps_mm ?? (then && prior?.lattice?.carried(then));
    const there = then ?? row.change.place_in_prior_lps_mm ?? (here && current?.lattice?.carried(here));
    const radiusNow = row.now && Math.max(row.now.diameters_mm?.long ?? 0, ballDiameter(row.now.volume_mm3)) / 2;
    const radiusThen = isNumber(row.change.prior_volume_mm3) ? ballDiameter(row.change.prior_volume_mm3) / 2 : null;
    if (here) current?.nodules.push({ row, centre: here, radius: radiusNow ?? radiusThen ?? 3, seen: Boolean(row.now) });
    if (there) prior?.nodules.push({ row, centre: there, radius: radiusThen ?? radiusNow ?? 3, seen: Boolean(then) });
  }
}

const COLUMNS = [
  ["Nodule", "", "text"],
  ["Change", "", "text"],
  ["Volume then", "mm³"],
  ["Volume now", "mm³"],
  ["Volume change", "%"],
  ["Doubling time", "days"],
  ["Mean diameter", "mm, change"],
];
const COLUMNS_ALONE = [
  ["Nodule", "", "text"],
  ["Volume", "mm³"],
  ["Mean diameter", "mm"],
];

function cell(text, ...small) {
  return made("td", {}, text, ...small.filter(Boolean).map((words) => made("small", {}, words)));
}

function wordCell(text, ...small) {
  const words = cell(text, ...small);
  words.classList.add("text");
  return words;
}

const number = (value, say = said) => (isNumber(value) ? say(value) : "–");

function lineAlone({ label, now }) {
  return [
    wordCell(label, [now.composition, now.lobe].filter(Boolean).join(", ")),
    cell(number(now.volume_mm3), interval(now.volume_interval_mm3)),
    cell(number(now.diameters_mm?.mean, (value) => said(value, 1))),
  ];
}

function lineOf(row, priorDate) {
  const { now, change, status } = row;
  const then = (change.history ?? []).find(({ acquired }) => acquired === priorDate);
  const place = [now?.composition, now?.lobe ?? change.lobe].filter(Boolean).join(", ");
  const diameter = now?.diameters_mm?.mean ?? change.prior_mean_diameter_mm ?? then?.mean_diameter_mm;
  const whole = (value) => said(value, 0);
  return [
    wordCell(row.label, [place, namedThen(row)].filter(Boolean).join("; ")),
    made("td", { class: `text is-${status}` }, made("span", { class: "status" }, status), ...partsOf(change)),
    cell(number(change.prior_volume_mm3), interval(then?.volume_interval_mm3)),
    cell(number(now?.volume_mm3), interval(now?.volume_interval_mm3)),
    cell(number(change.volume_change_percent, signed), interval(change.volume_change_interval_percent, signed)),
    cell(number(change.doubling_time_days, whole), interval(change.doubling_time_interval_days, whole), trendOf(change.trend)),
    cell(
      number(change.mean_diameter_change_mm, (value) => signed(value, 1)),
      isNumber(diameter) && `${status === "resolved" ? "was" : "is"} ${said(diameter, 1)}`,
    ),
  ];
}

// The name that the earlier report gave, where it is another.
function namedThen({ now, label, change }) {
  return now && change.prior_label && change.prior_label !== label ? `then ${change.prior_label.toLowerCase()}` : "";
}

// Growth over all examinations that show the nodule, where there are three or more.
function trendOf(trend) {
  if (!trend) return "";
  const time = trend.doubling_time_days;
  const course = !isNumber(time) ? "level" : time > 0 ? said(time, 0) : `halves in ${said(-time, 0)}`;
  return `over ${trend.time_points} scans: ${course}`;
}

function partsOf(change) {
  const notes = [];
  if (change.searched_again) notes.push("found on a second search");
  if (change.parts?.length) notes.push("split or merged");
  return notes.map((note) => made("small", {}, note));
}

function addTable(found) {
  if (!rows.length) {
    const why = found.nodules ? "No nodule was found." : "Nodules were not assessed.";
    element("nodules").append(made("p", { class: "empty" }, why));
    return;
  }
  const columns = found.followup ? COLUMNS : COLUMNS_ALONE;
  const head = columns.map(([name, unit, kind]) => {
    const words = unit ? [name, made("small", {}, unit)] : [name];
    return made("th", { scope: "col", class: kind ?? "" }, ...words);
  });
  const body = made("tbody");
  for (const row of rows) {
    const cells = found.followup ? lineOf(row, found.followup.prior_acquired) : lineAlone(row);
    row.line = made("tr", { tabindex: "0", "aria-selected": "false", "data-uid": row.uid }, ...cells);
    row.line.addEventListener("click", () => visit(row));
    row.line.addEventListener("dblclick", () => view.zoom <= 1 && zoomOnPlace());
    row.line.addEventListener("keydown", (event) => event.key === "Enter" && visit(row));
    body.append(row.line);
  }
  element("nodules").append(made("table", {}, made("thead", {}, made("tr", {}, ...head)), body));
}

// -- the chart -----------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";

function drawn(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function pointsOf(row) {
  return (row.change.history ?? [])
    .filter(({ volume_mm3: volume }) => isNumber(volume) && volume > 0)
    .map((at) => ({
      time: Date.parse(at.acquired),
      date: at.acquired,
      volume: at.volume_mm3,
      low: at.volume_interval_mm3?.[0] > 0 ? at.volume_interval_mm3[0] : null,
      high: at.volume_interval_mm3?.[1] ?? null,
    }))
    .sort((a, b) => a.time - b.time);
}

function axesFor(points, width, height) {
  const frame = { left: 48, right: width - 52, top: 30, bottom: height - 26 };
  const times = points.map(({ time }) => time);
  const volumes = points.flatMap(({ volume, low, high }) => [volume, low ?? volume, high ?? volume]);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const [least, most] = [Math.min(...volumes) / 1.25, Math.max(...volumes) * 1.25];
  const span = Math.max(last - first, DAY_MS);
  return {
    frame,
    least,
    most,
    x: (time) => frame.left + 14 + ((time - first) / span) * (frame.right - frame.left - 28),
    y: (volume) => frame.bottom - (Math.log(volume / least) / Math.log(most / least)) * (frame.bottom - frame.top),
  };
}

function logTicks(least, most, room) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most); power++) {
    ticks.push(...[1, 2, 5].map((factor) => factor * 10 ** power));
  }
  const inside = ticks.filter((tick) => tick >= least && tick <= most);
  const decades = inside.filter((tick) => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9);
  return inside.length > room && decades.length > 1 ? decades : inside;
}

function dateTicks(points, x) {
  const dates = [...new Map(points.map(({ time, date }) => [time, date]))].sort(([a], [b]) => a - b);
  const kept = [];
  for (const tick of dates.reverse()) if (!kept.length || x(kept.at(-1)[0]) - x(tick[0]) > 72) kept.push(tick);
  return kept;
}

function seriesOf(row, axes) {
  const points = pointsOf(row);
  const path = points.map(({ time, volume }, n) => `${n ? "L" : "M"}${axes.x(time).toFixed(1)} ${axes.y(volume).toFixed(1)}`);
  const group = drawn("g", { class: `series is-${row.status}`, "data-uid": row.uid });
  group.append(drawn("path", { d: path.join("") }));
  for (const at of points) {
    const [x, y] = [axes.x(at.time), axes.y(at.volume)];
    const tip = `${row.label}, ${at.date}: ${said(at.volume)} mm³`;
    const bar = at.low && at.high ? [axes.y(at.low), axes.y(at.high)] : null;
    if (bar) {
      group.append(drawn("line", { x1: x, x2: x, y1: bar[0], y2: bar[1], class: "bar" }));
      for (const end of bar) group.append(drawn("line", { x1: x - 3, x2: x + 3, y1: end, y2: end }));
    }
    const range = bar ? ` (${said(at.low)} to ${said(at.high)})` : "";
    group.append(drawn("circle", { cx: x, cy: y, r: 3.4 }, drawn("title", {}, tip + range)));
  }
  group.addEventListener("click", () => visit(row));
  return { row, group, end: points.at(-1) };
}

// Names at the ends of the lines, moved apart where they would overlap.
function addNames(series, axes) {
  const names = series.map(({ row, group, end }) => ({ row, group, x: axes.x(end.time) + 8, y: axes.y(end.volume) + 4 }));
  names.sort((a, b) => a.y - b.y);
  names.forEach((name, n) => {
    const above = names.slice(0, n).filter(({ x }) => Math.abs(x - name.x) < 40).at(-1);
    if (above && name.y - above.y < 12) name.y = above.y + 12;
    name.group.append(drawn("text", { x: name.x, y: name.y }, name.row.short));
  });
}

function addChart() {
  const figure = element("chart");
  const { clientWidth: width, clientHeight: height } = figure;
  const plotted = rows.filter((row) => pointsOf(row).length);
  const points = plotted.flatMap(pointsOf);
  if (!points.length) return figure.replaceChildren(made("p", { class: "empty" }, "There is no course to draw."));
  if (width < 120 || height < 80) return figure.replaceChildren();
  const axes = axesFor(points, width, height);
  const { frame } = axes;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Volume of each nodule over time" });
  svg.append(drawn("text", { x: 14, y: 18, class: "title" }, "Volume, mm³ (log scale), with 95 % intervals"));
  for (const tick of logTicks(axes.least, axes.most, (frame.bottom - frame.top) / 18)) {
    const y = axes.y(tick);
    svg.append(drawn("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, class: "grid" }));
    svg.append(drawn("text", { x: frame.left - 6, y: y + 4, "text-anchor": "end" }, String(tick)));
  }
  svg.append(drawn("line", { x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom, class: "axis" }));
  for (const [time, date] of dateTicks(points, axes.x)) {
    svg.append(drawn("text", { x: axes.x(time), y: frame.bottom + 16, "text-anchor": "middle" }, date));
  }
  const series = plotted.map((row) => seriesOf(row, axes));
  for (const { row, group } of series) {
    row.series = group;
    svg.append(group);
  }
  addNames(series, axes);
  figure.replaceChildren(svg);
  return select(view.selected);
}

// -- what is said around the images --------------------------------------------------------------------------

function currentDate(followup) {
  const dates = followup.nodules
    .filter(({ status }) => status !== "resolved")
    .flatMap(({ history }) => (history ?? []).map(({ acquired }) => acquired));
  if (followup.acquired) return followup.acquired;
  const last = dates.filter((date) => date > followup.prior_acquired).sort().at(-1);
  if (last || !followup.prior_acquired) return last ?? "";
  return new Date(Date.parse(followup.prior_acquired) + followup.interval_days * DAY_MS).toISOString().slice(0, 10);
}

function sayWhatWasCompared(found) {
  const { followup } = found;
  if (!followup) {
    element("title").textContent = "One examination";
    return;
  }
  const date = currentDate(followup);
  const all = (followup.priors?.length ?? 1) + 1;
  const more = all > 2 ? `; ${all} examinations were compared` : "";
  element("title").textContent = `Current and prior examination, ${days(followup.interval_days)} apart${more}`;
  for (const stack of stacks) stack.dates = (stack.name === "current" ? date : followup.prior_acquired) ?? "";
  const { registration } = followup;
  const error = registration?.mean_tre_estimate_mm;
  const method = registration?.method ? ` (${registration.method})` : "";
  const left = isNumber(error) ? `; vessels then lie ${said(error, 1)} mm apart on average` : "";
  const carried = `Places are carried by the registration of the lungs${method}${left}.`;
  element("registration").textContent = mapTrouble ? "" : carried;
  notice([mapTrouble, ...cautionsOf(found)].filter(Boolean).join(" "));
}

// What was said of the comparison in the findings: of earlier examinations, dates, the registration and the nodules.
function cautionsOf(found) {
  const warnings = found.quality?.warnings ?? [];
  return warnings.filter(({ code }) => /^(prior|registration|date|nodule|place|change)-/.test(code)).map(({ text }) => text);
}

function notice(text) {
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

function whyNoPrior(found) {
  const reason = (found.not_assessed ?? []).find(({ what }) => what === "followup")?.reason;
  const told = cautionsOf(found);
  return ["No earlier examination was compared.", ...(told.length ? told : [REASONS[reason] ?? ""])].join("\n");
}

// -- the start -----------------------------------------------------------------------------------------------

async function openStack(stack, lattice) {
  stack.say("Loading the images …");
  try {
    stack.open(await json(`${api}/scans/${stack.name}`), lattice);
    return stack;
  } catch (error) {
    stack.say(`The images cannot be shown: ${error.message}`);
    return null;
  }
}

// Without a map both scans can still be looked at, each by itself.
async function openMap() {
  try {
    return latticesOf(await (await asked(`${api}/comparison-map`)).arrayBuffer());
  } catch (error) {
    element("linked").disabled = true;
    mapTrouble = `The scans are not linked: ${error.message}.`;
    return { current: null, prior: null };
  }
}

async function openStacks(found) {
  const [current, prior] = [new Stack("current"), new Stack("prior")];
  if (!found.followup) {
    prior.say(whyNoPrior(found));
    prior.slider.hidden = true;
    return [await openStack(current, null), null];
  }
  const lattices = await openMap();
  return Promise.all([openStack(current, lattices.current), openStack(prior, lattices.prior)]);
}

async function start() {
  addTools();
  let found;
  try {
    found = await json(`${api}/findings`);
    rows = rowsOf(found);
    addTable(found);
    addChart();
    const [current, prior] = await openStacks(found);
    stacks = [current, prior].filter(Boolean);
    addMarks(current, prior);
  } catch (error) {
    for (const name of ["current", "prior"]) new Stack(name).say("");
    return notice(error.message);
  }
  stacks.forEach(listenTo);
  active = stacks[0] ?? null;
  sayWhatWasCompared(found);
  setWindow(PRESETS[0].centre, PRESETS[0].width);
  new ResizeObserver(() => {
    addChart();
    refresh();
  }).observe(document.body);
  if (active) go(active, active.place);
  if (rows.length) visit(rows[0]);
  return undefined;
}

start();
