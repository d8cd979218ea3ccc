// The comparison page: two stacks of slices that show one place of the patient, the nodules of both, and their growth.

import { addChart } from "./comparison/chart.js";
import { latticesOf } from "./comparison/geometry.js";
import { addTools, listenTo } from "./comparison/input.js";
import { addMarks, addTable, rowsOf } from "./comparison/nodules.js";
import { notice, sayWhatWasCompared, whyNoPrior } from "./comparison/notices.js";
import { PRESETS, element, page, refresh } from "./comparison/page.js";
import { go, setWindow, visit } from "./comparison/places.js";
import { api, asked, json } from "./comparison/server.js";
import { Stack } from "./comparison/stack.js";

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
    page.mapTrouble = `The scans are not linked: ${error.message}.`;
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
    page.rows = rowsOf(found);
    addTable(found);
    addChart();
    const [current, prior] = await openStacks(found);
    page.stacks = [current, prior].filter(Boolean);
    addMarks(current, prior);
  } catch (error) {
    for (const name of ["current", "prior"]) new Stack(name).say("");
    return notice(error.message);
  }
  page.stacks.forEach(listenTo);
  page.active = page.stacks[0] ?? null;
  sayWhatWasCompared(found);
  setWindow(PRESETS[0].centre, PRESETS[0].width);
  new ResizeObserver(() => {
    addChart();
    refresh();
  }).observe(document.body);
  if (page.active) go(page.active, page.active.place);
  if (page.rows.length) visit(page.rows[0]);
  return undefined;
}

start();
