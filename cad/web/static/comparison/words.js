// Numbers, intervals and times in words; and what a nodule's volume is as a ball.

export const DAY_MS = 86400e3;

const MINUS = "−";
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const digitsFor = (value) => (Math.abs(value) < 10 ? 1 : 0);

export function said(value, digits = digitsFor(value)) {
  return value.toFixed(digits).replace("-", MINUS);
}

export function signed(value, digits = digitsFor(value)) {
  const text = said(value, digits);
  return value > 0 && Number(value.toFixed(digits)) !== 0 ? `+${text}` : text;
}

export function interval(pair, say = said) {
  if (!Array.isArray(pair)) return "";
  const [low, high] = pair;
  if (!isNumber(low)) return isNumber(high) ? `at most ${say(high)}` : "";
  return isNumber(high) ? `${say(low)} to ${say(high)}` : `at least ${say(low)}`;
}

export function days(count) {
  const whole = Math.round(count);
  return whole < 92 ? `${whole} days` : `${whole} days (${(whole / 30.44).toFixed(whole < 304 ? 1 : 0)} months)`;
}

export const ballDiameter = (volume) => Math.cbrt((6 * volume) / Math.PI);
