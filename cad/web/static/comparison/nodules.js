// The nodules of both examinations: their rows, their marks on the slices and their table.

import { element, made, page, view } from "./page.js";
import { visit, zoomOnPlace } from "./places.js";
import { ballDiameter, interval, isNumber, said, signed } from "./words.js";

const STATUSES = ["new", "growing", "stable", "shrinking", "resolved"];
const shortOf = (label) => label.replace(/^nodule /i, "").replace(/^prior nodule /i, "prior ");

// One row for each nodule of either examination: {uid, label, short, status, now, change}.
export function rowsOf(found) {
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

export function addMarks(current, prior) {
  for (const row of page.rows) {
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

export function addTable(found) {
  if (!page.rows.length) {
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
  for (const row of page.rows) {
    const cells = found.followup ? lineOf(row, found.followup.prior_acquired) : lineAlone(row);
    row.line = made("tr", { tabindex: "0", "aria-selected": "false", "data-uid": row.uid }, ...cells);
    row.line.addEventListener("click", () => visit(row));
    row.line.addEventListener("dblclick", () => view.zoom <= 1 && zoomOnPlace());
    row.line.addEventListener("keydown", (event) => event.key === "Enter" && visit(row));
    body.append(row.line);
  }
  element("nodules").append(made("table", {}, made("thead", {}, made("tr", {}, ...head)), body));
}
