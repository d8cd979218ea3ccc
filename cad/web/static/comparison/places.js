// Going to a place, a slice or a nodule, and changing zoom and window.
//
// Where scrolling is linked, the other stack's place follows by the registration.

import { PRESETS, element, page, refresh, view } from "./page.js";

const LARGEST_ZOOM = 12;
const NODULE_ZOOM = 4;

// The stack goes to a place of its own scan, and the other one follows.
export function go(stack, place, { follow = view.linked } = {}) {
  stack.place = place;
  if (follow && stack.other?.geometry && stack.lattice) stack.other.place = stack.lattice.carried(place);
  refresh();
}

export function scroll(stack, count) {
  toSlice(stack, stack.wanted + count);
}

export function toSlice(stack, k) {
  const [, j, i] = stack.index;
  go(stack, stack.geometry.toLps([Math.min(Math.max(k, 0), stack.geometry.shape[0] - 1), j, i]));
}

export function select(row) {
  view.selected = row;
  for (const { line, series } of page.rows) {
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
export function visit(row) {
  select(row);
  for (const stack of page.stacks) {
    const own = stack.nodules.find((nodule) => nodule.row === row);
    if (own) stack.place = own.centre;
    if (own && view.zoom > 1) stack.centreOn(own.centre);
  }
  refresh();
}

export function step(by) {
  if (!page.rows.length) return;
  const at = page.rows.indexOf(view.selected);
  visit(page.rows[at < 0 ? (by > 0 ? 0 : page.rows.length - 1) : (at + by + page.rows.length) % page.rows.length]);
}

export function fit() {
  view.zoom = 1;
  for (const stack of page.stacks) stack.centreOn(stack.middle);
  refresh();
}

export function zoomTo(zoom) {
  view.zoom = Math.min(Math.max(zoom, 0.5), LARGEST_ZOOM);
  refresh();
}

export function zoomOnPlace() {
  if (view.zoom > 1) return fit();
  for (const stack of page.stacks) stack.centreOn(stack.place);
  return zoomTo(NODULE_ZOOM);
}

export function zoomAround(stack, event, factor) {
  const frame = stack.canvas.getBoundingClientRect();
  const before = stack.scale;
  view.zoom = Math.min(Math.max(view.zoom * factor, 0.5), LARGEST_ZOOM);
  const kept = 1 / before - 1 / stack.scale;
  moveViews((event.clientX - frame.left - frame.width / 2) * kept, (event.clientY - frame.top - frame.height / 2) * kept);
}

export function moveViews(rightMm, downMm) {
  for (const { centre, geometry } of page.stacks) {
    centre.i += rightMm / geometry.spacing[2];
    centre.j += downMm / geometry.spacing[1];
  }
  refresh();
}

export function setWindow(centre, width) {
  view.window = { centre: Math.min(Math.max(centre, -1500), 3000), width: Math.min(Math.max(width, 1), 5000) };
  [...element("presets").children].forEach((button, number) => {
    const preset = PRESETS[number];
    button.setAttribute("aria-pressed", preset.centre === view.window.centre && preset.width === view.window.width);
  });
  refresh();
}

export function toggle(name) {
  if (element(name).disabled) return;
  view[name] = !view[name];
  element(name).setAttribute("aria-pressed", view[name]);
  if (name === "linked" && view.linked && page.active) go(page.active, page.active.place);
  refresh();
}
