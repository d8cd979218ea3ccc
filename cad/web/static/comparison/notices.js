// What is said around the images.

import { element, page } from "./page.js";
import { DAY_MS, days, isNumber, said } from "./words.js";

const REASONS = {
  "no-prior": "The archive holds no earlier chest CT of this patient.",
  "no-suitable-prior": "Earlier examinations are there, and none of them can be compared.",
  "not-in-this-version": "This version does not compare examinations.",
  "not-requested": "No comparison was asked for.",
  "not-available": "The stage that compares examinations did not run.",
};

function currentDate(followup) {
  const dates = followup.nodules
    .filter(({ status }) => status !== "resolved")
    .flatMap(({ history }) => (history ?? []).map(({ acquired }) => acquired));
  if (followup.acquired) return followup.acquired;
  const last = dates.filter((date) => date > followup.prior_acquired).sort().at(-1);
  if (last || !followup.prior_acquired) return last ?? "";
  return new Date(Date.parse(followup.prior_acquired) + followup.interval_days * DAY_MS).toISOString().slice(0, 10);
}

export function sayWhatWasCompared(found) {
  const { followup } = found;
  if (!followup) {
    element("title").textContent = "One examination";
    return;
  }
  const date = currentDate(followup);
  const all = (followup.priors?.length ?? 1) + 1;
  const more = all > 2 ? `; ${all} examinations were compared` : "";
  element("title").textContent = `Current and prior examination, ${days(followup.interval_days)} apart${more}`;
  for (const stack of page.stacks) stack.dates = (stack.name === "current" ? date : followup.prior_acquired) ?? "";
  const { registration } = followup;
  const error = registration?.mean_tre_estimate_mm;
  const method = registration?.method ? ` (${registration.method})` : "";
  const left = isNumber(error) ? `; vessels then lie ${said(error, 1)} mm apart on average` : "";
  const carried = `Places are carried by the registration of the lungs${method}${left}.`;
  element("registration").textContent = page.mapTrouble ? "" : carried;
  notice([page.mapTrouble, ...cautionsOf(found)].filter(Boolean).join(" "));
}

// What was said of the comparison in the findings: of earlier examinations, dates, the registration and the nodules.
function cautionsOf(found) {
  const warnings = found.quality?.warnings ?? [];
  return warnings.filter(({ code }) => /^(prior|registration|date|nodule|place|change)-/.test(code)).map(({ text }) => text);
}

export function notice(text) {
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

export function whyNoPrior(found) {
  const reason = (found.not_assessed ?? []).find(({ what }) => what === "followup")?.reason;
  const told = cautionsOf(found);
  return ["No earlier examination was compared.", ...(told.length ? told : [REASONS[reason] ?? ""])].join("\n");
}
