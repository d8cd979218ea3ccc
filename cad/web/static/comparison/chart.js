// The course of each nodule's volume.

import { element, made, page, view } from "./page.js";
import { select, visit } from "./places.js";
import { DAY_MS, isNumber, said } from "./words.js";

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

export function addChart() {
  const figure = element("chart");
  const { clientWidth: width, clientHeight: height } = figure;
  const plotted = page.rows.filter((row) => pointsOf(row).length);
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
