// A stack of slices on its canvas, with its nodules and its crosshair. It keeps its own `place`.

import { Geometry } from "./geometry.js";
import { element, fitScale, page, refresh, view } from "./page.js";
import { api, asked } from "./server.js";
import { said } from "./words.js";

const REQUESTS_AT_ONCE = 3;
const AHEAD = 24; // slices fetched on each side of the one that is shown
const KEPT_BYTES = 200e6; // slices kept per stack
const RING_MM = 2; // between a nodule's edge and its ring

export class Stack {
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
    return page.stacks.find((stack) => stack !== this) ?? null;
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
    const image = this.geometry.images[slice];
    const series = this.geometry.series ? `Se ${this.geometry.series} ` : "";
    const numbers = image === null || image === undefined ? "" : `${series}Im ${image}\n`;
    corner("where").textContent = `${numbers}${slice + 1} / ${this.geometry.shape[0]}\nz ${said(z, 1)} mm${outside}${waiting}`;
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
