// Draws both charts from the points that are shown.
const views = {};
const night = matchMedia("(prefers-color-scheme: dark)");
const ink = () => (night.matches ? "#e6edf3" : "#1f2328");

// Ticks of a logarithmic axis: powers of ten and what fits between them, or even steps within one decade.
function ticks(low, high, narrow) {
  const decades = Math.log10(high / low);
  if (decades < 0.9) {
    const rough = (high - low) / (narrow ? 3 : 6) || high / 10;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high * 1.0001; n++) found.push(Number((n * step).toPrecision(6)));
    return found.length ? found : [low];
  }
  const steps = decades < (narrow ? 1.3 : 2.2) ? [1, 2, 5] : decades < (narrow ? 2.5 : 5) ? [1, 3] : [1];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= low / 1.15 && value <= high * 1.15) found.push(value);
    }
  return found;
}

// Names of the frontier's models, each at its most accurate point, where it covers no point and no other name.
function names(on, points, width) {
  const logs = points.map((p) => Math.log(p.value));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const place = (p) => ({
    x: 16 + (high > low ? (Math.log(p.value) - low) / (high - low) : 0.5) * (width - 32),
    y: DATA.height * (1 - p.accuracy),
  });
  const taken = points.map(place).map(({ x, y }) => ({ from: x - 5, to: x + 5, top: y - 5, bottom: y + 5 }));
  const free = (box) =>
    box.from >= 0 && box.to <= width && box.top >= 0 && box.bottom <= DATA.height &&
    taken.every((o) => box.to < o.from || box.from > o.to || box.bottom < o.top || box.top > o.bottom);
  // One empty name on each side, as Vega warns of a scale without any.
  const found = ["left", "right"].map((side) => ({ ...points[0], label: "", side, dx: 0, dy: 0, ink: ink() }));
  const last = new Map(on.filter((p) => !p.faded).map((p) => [p.model, p]));
  for (const p of [...last.values()].reverse()) {
    const { x, y } = place(p);
    const long = 6.7 * p.label.length;
    const spots = [["right", -9, -10], ["left", 9, 13], ["right", -9, 13], ["left", 9, -10], ["right", -9, -26], ["left", 9, 29]];
    for (const [side, dx, dy] of spots) {
      const from = side === "right" ? x + dx - long : x + dx;
      const box = { from, to: from + long, top: y + dy - 10, bottom: y + dy + 3 };
      if (!free(box)) continue;
      taken.push(box);
      found.push({ value: p.value, accuracy: p.accuracy, label: p.label, side, dx, dy, ink: ink() });
      break;
    }
  }
  return found;
}

function themed(spec) {
  const [line, soft] = night.matches ? ["#333b44", "#aab4be"] : ["#e3e6ea", "#4a535d"];
  Object.assign(spec.config.axis, { gridColor: line, domainColor: soft, tickColor: soft, labelColor: soft, titleColor: ink() });
  spec.config.view = { stroke: soft };
  return spec;
}

async function embed(name, fill) {
  const spec = themed(structuredClone(DATA.charts[name]));
  fill(spec);
  const made = await vegaEmbed(`#chart-${name}`, spec, { actions: false, renderer: "svg", ast: true });
  if (views[name]) views[name].finalize();
  views[name] = made.view;
  return made.view;
}

async function drawFrontier(points) {
  const on = frontierOf(points);
  const box = element("chart-frontier");
  const width = Math.max(box.clientWidth - 62, 150);
  const values = points.map((p) => p.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const steps = on.map((p) => ({ value: p.value, accuracy: p.accuracy, ink: ink() }));
  if (steps.length) steps.push({ ...steps.at(-1), value: high });
  const placed = ticks(low, high, width < 450);
  const labels = placed.map((v) => nice(v));
  const axis = {
    values: placed, labelFlush: false, labelOverlap: true,
    labelExpr: `${JSON.stringify(labels)}[indexof(${JSON.stringify(placed)}, datum.value)]`,
  };
  const view = await embed("frontier", (spec) => {
    spec.datasets = { points, steps, names: names(on, points, width), budget: [{ value: high, ink: "none" }] };
    for (const layer of spec.layer) Object.assign(layer.encoding.x, { title: `${cost().name} (${unit()})`, axis });
  });
  view.addEventListener("click", (event, item) => {
    if (item?.datum?.model) openModel(item.datum.model);
    else moveBudget(event);
  });
  view.addEventListener("mousemove", (event, item) => {
    if (event.buttons & 1 && !item?.datum?.model) moveBudget(event);
  });
  const [left] = view.origin();
  Object.assign(element("slider").style, { marginLeft: `${left}px`, width: `${view.width()}px` });
  box.setAttribute("aria-label", described(points, on));
}

// What the chart shows, in words.
function described(points, on) {
  const models = new Set(points.map((p) => p.model)).size;
  const text = `Accuracy against ${cost().name.toLowerCase()} on ${DATA.benchmarks[chosen("benchmark")]}, ${models} models.`;
  if (!on.length) return text;
  const end = (p) => `${p.label}${capText(p)}, ${interval(p)} for ${nice(p.value)} ${unit()}`;
  return `${text} The frontier runs from ${end(on[0])} to ${end(on.at(-1))}.`;
}

async function drawCaps(points) {
  if (!DATA.capped) return;
  // A model whose caps agree in everything is a flat line: each cap has its place.
  const spread = points.flatMap((p) => p.caps.map((cap) => ({ ...p, cap, place: cap === "none" ? 1e15 : Number(cap) })));
  const capped = new Set(spread.filter((p) => p.cap !== "none").map((p) => p.model));
  const view = await embed("caps", (spec) => {
    spec.datasets = { points: spread.filter((p) => capped.has(p.model)) };
  });
  view.addEventListener("click", (event, item) => item?.datum?.model && openModel(item.datum.model));
}

// The cost under the pointer.
function moveBudget(event) {
  const view = views.frontier;
  const box = view.container().querySelector("svg").getBoundingClientRect();
  const at = event.clientX - box.left - view.origin()[0];
  if (at >= 0 && at <= view.width()) setBudget(view.scale("x").invert(at));
}
