"use strict";
// What is chosen on the page, kept in its address, and the points that the choice selects.
const DATA = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const CONTROLS = ["benchmark", "cost", "budget", "kind", "developer", "since", "memory", "search"];
const FILTERS = ["kind", "developer", "since", "memory"];
const highlighted = new Set();

const chosen = (name) => element(name).value.trim();
const cost = () => DATA.costs[chosen("cost")];
const filtered = () => FILTERS.some((name) => chosen(name) !== "");

// Takes from the address what it names; everything else is as the page begins.
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of CONTROLS) {
    const control = element(name);
    const value = given.get(name) ?? (control.tagName === "SELECT" ? control.options[0].value : "");
    if (control.tagName !== "SELECT" || [...control.options].some((o) => o.value === value)) control.value = value;
  }
  highlighted.clear();
  for (const model of given.getAll("model")) if (model in DATA.models) highlighted.add(model);
}

function writeAddress() {
  const kept = new URLSearchParams();
  for (const name of CONTROLS) {
    const control = element(name);
    const first = control.tagName === "SELECT" ? control.options[0].value : "";
    if (chosen(name) !== first) kept.set(name, chosen(name));
  }
  for (const model of highlighted) kept.append("model", model);
  const text = kept.toString();
  if (location.hash.slice(1) !== text) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

// Numbers for readers: 1,234; 0.25; 2.5 × 10¹⁴.
function nice(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.01 && size < 1e5))
    return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 6 : digits });
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = [...String(Number(exponent))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
  return Number(mantissa) === 1 ? `10${power}` : `${Number(mantissa)} × 10${power}`;
}

const percent = (share) => (100 * share).toFixed(1);
const interval = (p) => `${percent(p.accuracy)} % (${percent(p.accuracy_low)} to ${percent(p.accuracy_high)})`;
const unit = () => cost().unit;

// Whether a model is among those that the filters let through; without the fact that a filter asks for, it is not.
function passes(model) {
  const facts = DATA.models[model];
  const bytes = 2 * facts.total_params;
  return (
    (!chosen("kind") || facts.architecture === chosen("kind")) &&
    (!chosen("developer") || facts.developer === chosen("developer")) &&
    (!chosen("since") || (facts.release_date ?? "") >= chosen("since")) &&
    (!Number(chosen("memory")) || (facts.total_params && bytes <= 1e9 * Number(chosen("memory"))))
  );
}

const lit = (model) => {
  const text = chosen("search").toLowerCase();
  return (!highlighted.size || highlighted.has(model)) && (!text || DATA.models[model].label.toLowerCase().includes(text));
};

// The points of the chosen benchmark with the chosen cost, those of one model that agree in both drawn once, and
// whether each is on the frontier: of all models as the study found it, with filters among those that pass.
function shownPoints() {
  const at = chosen("cost");
  const merged = new Map();
  for (const p of DATA.points) {
    if (p.benchmark !== chosen("benchmark") || !(p.costs[at] > 0) || !passes(p.model)) continue;
    const key = [p.model, p.strategy, p.costs[at], p.accuracy].join(" ");
    const same = merged.get(key);
    if (same) {
      same.caps.push(p.cap);
      same.on ||= p.on[at];
      same.p = Math.max(same.p, p.p[at] ?? 0);
    } else
      merged.set(key, {
        ...p,
        value: p.costs[at] * cost().scale,
        on: p.on[at],
        p: p.p[at] ?? 0,
        place: p.order === null ? 1e15 : p.order,
        caps: [p.cap],
        faded: !lit(p.model),
      });
  }
  const points = [...merged.values()];
  if (filtered()) markFrontier(points);
  for (const p of points) {
    p.cap = p.caps.length > 1 ? `${p.caps[0]} to ${p.caps.at(-1)}` : p.caps[0];
    p.interval = interval(p);
    p.cost_text = `${nice(p.value)} ${unit()}`;
    p.p_text = p.stability ?? nice(100 * p.p);
  }
  return points;
}

function markFrontier(points) {
  let best = -1;
  for (const p of [...points].sort((a, b) => a.value - b.value || b.accuracy - a.accuracy)) {
    p.on = p.accuracy > best;
    p.p = 1;
    p.stability = "not known for a selection";
    best = Math.max(best, p.accuracy);
  }
}

const frontierOf = (points) =>
  points.filter((p) => p.on).sort((a, b) => a.value - b.value || a.accuracy - b.accuracy || a.place - b.place);

// The cap of a point in words: nothing for a study without caps, or for the whole run.
function capText(p) {
  if (!DATA.capped || p.cap === "none") return "";
  const first = Number(p.caps[0]).toLocaleString("en");
  return p.caps.at(-1) === "none" ? `, cap of ${first} tokens or more` : `, at most ${first} tokens`;
}
