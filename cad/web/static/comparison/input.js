// Pointer, wheel, keys and buttons.

import { PRESETS, element, made, page, refresh, view } from "./page.js";
import { fit, go, moveViews, scroll, setWindow, step, toSlice, toggle, zoomAround, zoomOnPlace, zoomTo } from "./places.js";

const DRAG_STARTS = 4; // pixels
const WHEEL_STEP = 100; // pixels of one notch

export function listenTo(stack) {
  const { pane, canvas, slider } = stack;
  const activate = () => {
    page.active = stack;
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
  ArrowUp: () => scroll(page.active, 1),
  ArrowDown: () => scroll(page.active, -1),
  PageUp: () => scroll(page.active, 10),
  PageDown: () => scroll(page.active, -10),
  Home: () => toSlice(page.active, page.active.geometry.shape[0] - 1),
  End: () => toSlice(page.active, 0),
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
  if (!act || !page.active?.geometry) return;
  event.preventDefault();
  act();
}

export function addTools() {
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
