// Answers the budget, fills tables and the card of a model, and wires the controls.
function part(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function row(cells, tag = "td") {
  const made = part("tr");
  for (const [text, name] of cells) made.append(part(tag, text, name));
  return made;
}

const budget = () => Number(chosen("budget").replaceAll(",", ""));

// A number as one would type it.
const typed = (value) => (value < 1e6 && value >= 1e-3 ? String(Number(value)) : value.toExponential().replace("e+", "e"));

function setBudget(value) {
  element("budget").value = typed(Number(value.toPrecision(3)));
  answer();
}

// The most accurate point for at most `limit`, the cheapest of equals.
function best(points, limit) {
  const within = points.filter((p) => p.value <= limit * 1.000001);
  return within.sort((a, b) => b.accuracy - a.accuracy || a.value - b.value || a.place - b.place)[0];
}

// Says what to run within the budget, moves the line on the chart and the slider.
function answer() {
  const points = shownPoints();
  const text = element("answer");
  text.replaceChildren();
  const limit = budget();
  const view = views.frontier;
  if (view) {
    const [low, high] = view.scale("x").domain();
    const seen = limit >= low && limit <= high;
    view.data("budget", [seen ? { value: limit, ink: ink() } : { value: high, ink: "none" }]).run();
    const at = Math.log(limit / low) / Math.log(high / low);
    element("slider").value = String(Math.round(1000 * Math.min(Math.max(at || 0, 0), 1)));
    element("slider").setAttribute("aria-valuetext", `${nice(limit)} ${unit()}`);
  }
  writeAddress();
  if (!(limit > 0)) return text.append("Type a budget, as 2.5e14, or click on the chart.");
  if (!points.length) return text.append("No model passes the filters.");
  const found = best(points, limit);
  if (!found) {
    const least = [...points].sort((a, b) => a.value - b.value)[0];
    return text.append(`Nothing costs so little: ${least.label}${capText(least)} is the cheapest, ${nice(least.value)} ${unit()}.`);
  }
  text.append(`For at most ${nice(limit)} ${unit()}: `, part("strong", `${found.label}${capText(found)}`));
  text.append(`, ${interval(found)} right`);
  text.append(found.stability ? "." : `, on the frontier in ${nice(100 * found.p)} % of draws of the problems.`);
  const next = best(points.filter((p) => p.model !== found.model), limit);
  if (next) {
    const close = next.accuracy_high >= found.accuracy_low ? "; the intervals overlap" : "";
    text.append(` Next best: ${next.label}${capText(next)}, ${interval(next)}${close}.`);
  }
}

// The frontier as a table: from the cost of each point to that of the next, take this one.
function fillChoices(points) {
  const on = frontierOf(points);
  const held = element("choices").dataset.heldOut === "yes";
  const rows = on.map((p, n) =>
    row([
      [nice(p.value), "number"],
      [n + 1 < on.length ? nice(on[n + 1].value) : "any", "number"],
      [p.label, "model"],
      [p.cap, "number"],
      [interval(p).replace(" %", ""), "number"],
      ...(held ? [[heldOut(p), "number"]] : []),
      [p.stability ? "–" : nice(100 * p.p), "number"],
    ])
  );
  element("choices").tBodies[0].replaceChildren(...rows);
}

function heldOut(p) {
  const found = p.held[chosen("cost")];
  return filtered() || !found ? "–" : `${percent(found[0])} (${percent(found[1])} to ${percent(found[2])})`;
}

function fillLegend(points) {
  const shown = new Map(points.map((p) => [DATA.models[p.model].series, p.model]));
  const made = [...shown].map(([series, model]) => {
    const own = series === model;
    const entry = part(own ? "button" : "span", undefined, "series");
    const icon = part("span", { circle: "●", diamond: "◆", "triangle-up": "▲", square: "■" }[DATA.shapes[DATA.models[model].architecture]], "icon");
    icon.style.color = colourOf(model);
    entry.append(icon, own ? DATA.models[model].label : series);
    if (own) {
      entry.type = "button";
      entry.setAttribute("aria-pressed", String(highlighted.has(model)));
      entry.addEventListener("click", () => {
        if (!highlighted.delete(model)) highlighted.add(model);
        choose();
      });
    }
    return entry;
  });
  element("legend").replaceChildren(...made);
}

const colourOf = (model) => DATA.models[model].colour[night.matches ? 1 : 0];

// How many of the study's models are drawn, and which are not.
function fillCoverage(points) {
  const models = Object.keys(DATA.models);
  const drawn = new Set(points.map((p) => p.model));
  const without = models.filter((m) => !drawn.has(m));
  const why = without.filter((m) => passes(m)).map((m) => DATA.models[m].label);
  const kept = without.length - why.length;
  const parts = [`${drawn.size} of ${models.length} models shown.`];
  if (why.length) parts.push(`Not measured on this benchmark, or without this cost: ${why.join(", ")}.`);
  if (kept) parts.push(`${kept} left out by the filters.`);
  element("coverage").textContent = parts.join(" ");
}

function fillTables() {
  const text = chosen("search").toLowerCase();
  for (const each of document.querySelectorAll("tr[data-benchmark]")) {
    const model = each.dataset.model;
    const away = model !== undefined && (!passes(model) || (text && !DATA.models[model].label.toLowerCase().includes(text)));
    each.hidden = each.dataset.benchmark !== chosen("benchmark") || Boolean(away);
  }
}

const FACTS = {
  developer: ["Developer", String],
  release_date: ["Released", String],
  architecture: ["Architecture", String],
  mode: ["Mode", String],
  total_params: ["Parameters", (v) => `${nice(v)}, ${nice((2 * v) / 1e9)} GB at 2 bytes each`],
  active_params: ["Active per token", (v) => nice(v)],
};

// The card of a model: facts, its points on every benchmark, and what each doubling of compute gained.
function openModel(model) {
  const facts = DATA.models[model];
  element("card-title").textContent = facts.label;
  const list = Object.entries(FACTS).filter(([key]) => facts[key]);
  element("card-facts").replaceChildren(
    ...list.flatMap(([key, [name, text]]) => [part("dt", name), part("dd", text(facts[key]))])
  );
  const at = chosen("cost");
  const own = DATA.points.filter((p) => p.model === model);
  const head = row([["Benchmark"], ["Cap (tokens)", "number"], ["Accuracy (%), 95 %", "number"], [`${cost().name} (${unit()})`, "number"], ["On frontier (% of draws)", "number"]], "th");
  const rows = own.map((p) =>
    row([
      [DATA.benchmarks[p.benchmark] ?? p.benchmark],
      [p.cap, "number"],
      [interval(p).replace(" %", ""), "number"],
      [p.costs[at] === null ? "–" : nice(p.costs[at] * cost().scale), "number"],
      [nice(100 * (p.p[at] ?? 0)), "number"],
    ])
  );
  const gains = DATA.gains.filter((g) => g.model === model);
  const gained = gains.map((g) =>
    row([
      [DATA.benchmarks[g.benchmark] ?? g.benchmark],
      [`${nice(g.from_cap)} to ${g.to_cap === null ? "none" : nice(g.to_cap)}`, "number"],
      [`${(100 * g.gain).toFixed(1)} (${(100 * g.low).toFixed(1)} to ${(100 * g.high).toFixed(1)})`, "number"],
      [g.pays],
    ])
  );
  const tables = [[head, rows, element("card-points")], [row([["Benchmark"], ["Caps (tokens)", "number"], ["Points gained per doubling of compute, 95 %", "number"], ["Shown to pay"]], "th"), gained, element("card-gains")]];
  for (const [top, body, table] of tables) {
    table.tHead.replaceChildren(top);
    table.tBodies[0].replaceChildren(...body);
    table.hidden = !body.length;
  }
  element("card").showModal();
  element("card-close").focus();
}

function download(name, url) {
  const link = part("a");
  Object.assign(link, { href: url, download: name });
  link.click();
}

const blob = (text, type) => URL.createObjectURL(new Blob([text], { type }));

function asCsv() {
  const names = ["model", "label", "strategy", "benchmark", "cap", "accuracy", "accuracy_low", "accuracy_high", "value", "on", "p"];
  const cell = (value) => {
    const text = String(value ?? "");
    // As in the study's own tables, a text that a spreadsheet would run begins with an apostrophe.
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const head = names.map((n) => ({ value: `${chosen("cost")} (${unit()})`, on: "on_frontier", p: "p_on_frontier" })[n] ?? n);
  return [head, ...shownPoints().map((p) => names.map((n) => p[n]))].map((r) => r.map(cell).join(",")).join("\n") + "\n";
}

const SAVED = {
  "save-csv": async () => download("points.csv", blob(asCsv(), "text/csv")),
  "save-svg": async () => download("frontier.svg", blob(await views.frontier.toSVG(), "image/svg+xml")),
  "save-png": async () => download("frontier.png", await views.frontier.toImageURL("png", 2)),
};

function sort(header) {
  const table = header.closest("table");
  const column = [...header.parentNode.children].indexOf(header);
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (each) => each.children[column].dataset.value ?? each.children[column].textContent;
  const number = (value) => (value === "" ? NaN : Number(value));
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const [m, n] = [number(x), number(y)];
    const order = isNaN(m) || isNaN(n) ? x.localeCompare(y) : m - n;
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows);
}

let drawing = Promise.resolve();

function choose() {
  const points = shownPoints();
  for (const p of points) Object.assign(p, { colour: colourOf(p.model), ink: ink() });
  fillCoverage(points);
  fillChoices(points);
  fillLegend(points);
  fillTables();
  element("chart-frontier").hidden = !points.length;
  // One after another: a slow drawing never ends after the one that replaces it.
  drawing = drawing.then(async () => {
    if (points.length) {
      await drawFrontier(points);
      await drawCaps(points);
      if (!(budget() > 0)) proposeBudget(points);
    }
    answer();
    document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn ?? 0) + 1);
  });
}

// A budget to begin with: in the middle of the frontier.
function proposeBudget(points) {
  const on = frontierOf(points);
  const ends = [on[0].value, on.at(-1).value];
  element("budget").value = typed(Number(Math.sqrt(ends[0] * ends[1]).toPrecision(2)));
}

for (const header of document.querySelectorAll("table.sortable th")) {
  header.querySelector("button").addEventListener("click", () => sort(header));
}
for (const [id, save] of Object.entries(SAVED)) element(id).addEventListener("click", save);
for (const name of ["benchmark", "kind", "developer", "since", "memory"]) element(name).addEventListener("change", choose);
element("cost").addEventListener("change", () => {
  element("budget").value = "";
  choose();
});
element("budget").addEventListener("input", answer);
element("search").addEventListener("input", choose);
element("slider").addEventListener("input", () => {
  const [low, high] = views.frontier.scale("x").domain();
  setBudget(low * (high / low) ** (Number(element("slider").value) / 1000));
});
element("clear").addEventListener("click", () => {
  for (const name of [...FILTERS, "search"]) element(name).value = "";
  highlighted.clear();
  choose();
});
for (const link of document.querySelectorAll("button[data-model]")) link.addEventListener("click", () => openModel(link.dataset.model));
element("card-close").addEventListener("click", () => element("card").close());
night.addEventListener("change", choose);
function begin() {
  readAddress();
  if (filtered()) element("filters").open = true;
  choose();
}

addEventListener("hashchange", begin);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) choose();
  width = innerWidth;
});
begin();
