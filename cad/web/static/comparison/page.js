// What the parts of the page share: the view, the two stacks, the rows of nodules, and the next drawing.

export const PRESETS = [
  { name: "Lung", centre: -600, width: 1500 },
  { name: "Mediastinum", centre: 40, width: 400 },
  { name: "Bone", centre: 400, width: 1800 },
];

export const element = (id) => document.getElementById(id);
export const view = { window: { ...PRESETS[0] }, zoom: 1, linked: true, crosshair: true, circles: true, selected: null };
export const page = { stacks: [], rows: [], active: null, mapTrouble: "" };

// Both stacks have one magnification, so that sizes can be compared by eye.
export function fitScale() {
  const scales = page.stacks.flatMap(({ canvas, extent }) => [canvas.clientWidth / extent[0], canvas.clientHeight / extent[1]]);
  return Math.min(...scales);
}

let drawing = 0;
export function refresh() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    for (const stack of page.stacks) {
      stack.draw();
      stack.fill();
      stack.pane.dataset.active = stack === page.active;
    }
  });
}

export function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
