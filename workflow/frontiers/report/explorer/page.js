"use strict";
// Fills both charts from the data in the page, shows the rows of the chosen benchmark and cost, and sorts tables.
const DATA = JSON.parse(document.getElementById("data").textContent);
const benchmark = document.getElementById("benchmark");
const cost = document.getElementById("cost");
const views = {};

function text(value) {
  if (value === null) return "–";
  return value >= 1e5 || (value > 0 && value < 0.01)
    ? value.toExponential(2).replace("e+", "e")
    : String(Number(value.toPrecision(3)));
}

function chosenPoints() {
  const rows = DATA.points.filter((p) => p.benchmark === benchmark.value && p.costs[cost.value] > 0);
  return rows.map((p) => ({
    ...p,
    value: p.costs[cost.value],
    on: p.on[cost.value],
    p: p.p[cost.value],
    place: p.order === null ? 1e12 : p.order,
    interval: `${text(100 * p.accuracy)} (${text(100 * p.accuracy_low)} to ${text(100 * p.accuracy_high)})`,
    cost_text: `${text(p.costs[cost.value])} ${DATA.units[cost.value]}`,
    p_text: text(100 * p.p[cost.value]),
  }));
}

// The frontier as a line up to the most expensive point. Names are left of their point, or right if there is no
// room; a name that would overlap that of a more expensive point is omitted.
function steps(points) {
  const on = points.filter((p) => p.on).sort((a, b) => a.value - b.value || a.place - b.place);
  if (!on.length) return [];
  const logs = points.map((p) => Math.log(p.value));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const width = Math.max(document.getElementById("chart-frontier").clientWidth - 70, 200);
  const boxes = [];
  const line = on.map((p) => {
    const place = high > low ? (Math.log(p.value) - low) / (high - low) : 0.5;
    return { value: p.value, accuracy: p.accuracy, label: p.label, side: place < 0.3 ? "left" : "right", x: place * width };
  });
  for (const p of [...line].reverse()) {
    const long = 6 * p.label.length;
    const box = { from: p.side === "left" ? p.x : p.x - long, y: 420 * p.accuracy };
    box.to = box.from + long + 14;
    if (boxes.some((o) => box.from < o.to && o.from < box.to && Math.abs(o.y - box.y) < 14)) p.label = "";
    else boxes.push(box);
  }
  return [...line, { ...line[line.length - 1], value: Math.exp(high), label: "" }];
}

async function show(name, fill) {
  const spec = structuredClone(DATA.charts[name]);
  fill(spec);
  if (views[name]) views[name].finalize();
  views[name] = await vegaEmbed(`#chart-${name}`, spec, { actions: false, renderer: "svg", ast: true });
}

function titled(spec, title) {
  for (const layer of spec.layer) layer.encoding.x.title = title;
}

async function draw() {
  const points = chosenPoints();
  await show("frontier", (spec) => {
    spec.datasets = { points, steps: steps(points) };
    titled(spec, `${DATA.names[cost.value]} (${DATA.units[cost.value]})`);
  });
  if (DATA.capped) await show("caps", (spec) => { spec.datasets = { points }; });
}

function choose() {
  for (const row of document.querySelectorAll("tr[data-benchmark]")) {
    const other = row.dataset.cost !== undefined && row.dataset.cost !== cost.value;
    row.hidden = row.dataset.benchmark !== benchmark.value || other;
  }
  draw();
}

function sort(header) {
  const table = header.closest("table");
  const column = [...header.parentNode.children].indexOf(header);
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of header.parentNode.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.children[column].dataset.value ?? row.children[column].textContent;
  const number = (value) => (value === "" ? NaN : Number(value));
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    const [m, n] = [number(x), number(y)];
    const order = isNaN(m) || isNaN(n) ? x.localeCompare(y) : m - n;
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows);
}

for (const header of document.querySelectorAll("table.sortable th")) {
  header.querySelector("button").addEventListener("click", () => sort(header));
}
benchmark.addEventListener("change", choose);
cost.addEventListener("change", choose);
choose();
