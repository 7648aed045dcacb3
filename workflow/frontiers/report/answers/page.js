"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const CONTROLS = ["model", "benchmark", "strategy", "show", "cap", "search"];
const SHOWN = 20;
const loaded = new Map();
const waiting = new Map();
let page = 0;
let view = null;

// The files of the folder call this; a text is unpacked once.
globalThis.take = async (name, packed) => {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  waiting.get(name)?.resolve(JSON.parse(await new Response(stream).text()));
};

function load(name) {
  if (!loaded.has(name))
    loaded.set(
      name,
      new Promise((resolve, reject) => {
        waiting.set(name, { resolve });
        const script = document.createElement("script");
        script.src = `${DATA.folder}/${name}.js`;
        script.onerror = () => {
          loaded.delete(name);
          reject(new Error(`${DATA.folder}/${name}.js cannot be read: keep the folder ${DATA.folder}/ next to this page`));
        };
        document.head.append(script);
      }),
    );
  return loaded.get(name);
}

function make(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== null && text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const label = (kind, name) => DATA.labels[kind]?.[name] ?? name;
const capText = (cap) => (cap === null ? "uncapped" : cap.toLocaleString("en"));
const verdict = (at) => (at.correct === null ? "no verdict" : at.correct ? "right" : "wrong");
const changes = (record, from, to) =>
  record.caps.some((a, n) => n && record.caps[n - 1].correct === from && a.correct === to);

// What the menu "Show" lets through; `at` is what the chosen cap made of the trace.
const FILTERS = {
  all: () => true,
  wrong: (record, at) => at?.correct === false,
  right: (record, at) => at?.correct === true,
  gained: (record) => changes(record, false, true),
  lost: (record) => changes(record, true, false),
  truncated: (record, at) => at?.marks.includes("truncated"),
  looping: (record, at) => at?.marks.includes("looping"),
  refused: (record, at) => at?.marks.includes("refused"),
  judge: (record, at) => at?.status?.includes("judge"),
  unread: (record, at) => at && at.read === null,
};

function options(id, names, text) {
  const kept = element(id).value;
  element(id).replaceChildren(...names.map((name) => new Option(text(name), String(name))));
  if (names.map(String).includes(kept)) element(id).value = kept;
}

const matching = (...names) => DATA.series.filter((s) => names.every((name) => s[name] === element(name).value));
const unique = (values) => [...new Set(values)];
const current = () => matching("model", "benchmark", "strategy")[0];

function menus() {
  options("model", unique(DATA.series.map((s) => s.model)), (m) => label("models", m));
  options("benchmark", unique(matching("model").map((s) => s.benchmark)), (b) => label("benchmarks", b));
  options("strategy", unique(matching("model", "benchmark").map((s) => s.strategy)), (s) => label("strategies", s));
  const fresh = element("cap").options.length === 0;
  options("cap", current().caps, capText);
  if (fresh) element("cap").value = String(current().caps.at(-1));
}

function chosenCap() {
  const value = element("cap").value;
  return value === "null" ? null : Number(value);
}

const textOf = (part) => (part ? [part.start, part.end ?? ""].join(" ") : "");

function found(record, questions, words) {
  if (!words) return true;
  const parts = [record.problem, questions[record.problem]?.question, textOf(record.trace)];
  for (const at of record.caps) parts.push(textOf(at.answer), at.read);
  return parts.join("\n").toLowerCase().includes(words);
}

function leftOut(part) {
  return make("mark", `… ${part.left_out.toLocaleString("en")} characters left out …`, { class: "gap" });
}

// A text that was clipped, with a mark before each character at which a cap cuts it.
function marked(part, cuts) {
  const box = make("div", null, { class: "text", tabindex: "0", role: "region", "aria-label": "Trace" });
  const head = part.start.length;
  const tail = head + (part.left_out ?? 0);
  const piece = (from, to) => (to <= head ? part.start.slice(from, to) : (part.end ?? "").slice(from - tail, to - tail));
  let at = 0;
  let crossed = part.left_out === undefined;
  const write = (to) => {
    if (at < head) box.append(piece(at, Math.min(to, head)));
    if (to >= head && !crossed) {
      box.append(leftOut(part));
      crossed = true;
    }
    if (to > tail && part.left_out !== undefined) box.append(piece(Math.max(at, tail), to));
    at = to;
  };
  for (const { cap, at: place } of cuts) {
    write(Math.max(at, place));
    box.append(make("mark", `cut at ${cap.toLocaleString("en")}`));
  }
  write(tail + (part.end ?? "").length);
  return box;
}

function clippedText(part) {
  const box = make("div", part.start, { class: "text short" });
  if (part.left_out !== undefined) box.append(leftOut(part), part.end);
  return box;
}

function rows(record) {
  const table = make("table");
  const head = make("tr");
  for (const name of ["Cap", "Verdict", "Read as", "Answer", "Tokens", "FLOP", "How"]) head.append(make("th", name, { scope: "col" }));
  table.append(make("thead"), make("tbody"));
  table.tHead.append(head);
  for (const at of record.caps) {
    const row = make("tr", null, at.cap === chosenCap() ? { class: "on" } : {});
    row.append(make("td", capText(at.cap)), make("td", verdict(at), { class: verdict(at) }), make("td", at.read ?? "–"));
    const answer = make("td");
    if (at.answer) answer.append(clippedText(at.answer));
    else answer.append("not shown");
    if (at.own) {
      const own = make("details");
      own.append(make("summary", "a trace of its own"), marked(at.own, []));
      answer.append(own);
    }
    row.append(answer, make("td", `${at.tokens[0].toLocaleString("en")} + ${at.tokens[1].toLocaleString("en")}`));
    row.append(make("td", at.flops === null ? "–" : at.flops.toExponential(2)));
    row.append(make("td", [at.ended ? "ended by itself" : "cut", at.status, ...at.marks].filter(Boolean).join(", ")));
    table.tBodies[0].append(row);
  }
  const wide = make("div", null, { class: "wide", tabindex: "0", role: "region", "aria-label": "Answers at every cap" });
  wide.append(table);
  return wide;
}

function fill(body, record, question) {
  if (question?.question) body.append(make("h3", "Question"), make("div", question.question, { class: "text short" }));
  if (question?.gold) body.append(make("p", `Reference answer: ${question.gold}`));
  body.append(make("h3", "Trace"));
  const cuts = record.caps.filter((at) => at.cap !== null && !at.ended && !at.own).sort((a, b) => a.at - b.at);
  if (record.trace) body.append(marked(record.trace, cuts));
  else body.append(make("p", "The texts of this benchmark are not shown: its authors ask that its problems are not posted."));
  body.append(make("h3", "Answers"), rows(record));
}

function entry(record, question, several) {
  const item = make("details");
  const line = make("summary", several ? `${record.problem}, sample ${record.sample} ` : `${record.problem} `);
  for (const at of record.caps) line.append(make("span", `${capText(at.cap)} ${verdict(at)}`, { class: `chip ${verdict(at)}` }), " ");
  item.append(line);
  item.addEventListener("toggle", () => {
    if (item.open && item.children.length === 1) {
      const body = make("div");
      fill(body, record, question);
      item.append(body);
    }
  });
  return item;
}

function list() {
  const { records, questions } = view;
  const words = element("search").value.trim().toLowerCase();
  const lets = FILTERS[element("show").value];
  const cap = chosenCap();
  const kept = records.filter((r) => lets(r, r.caps.find((at) => at.cap === cap)) && found(r, questions, words));
  const pages = Math.max(1, Math.ceil(kept.length / SHOWN));
  page = Math.min(page, pages - 1);
  const several = records.some((r) => r.sample > 0);
  const shown = kept.slice(page * SHOWN, (page + 1) * SHOWN);
  element("list").replaceChildren(...shown.map((r) => entry(r, questions[r.problem], several)));
  element("count").textContent = `${kept.length.toLocaleString("en")} of ${records.length.toLocaleString("en")} traces, page ${page + 1} of ${pages}`;
  element("before").disabled = page === 0;
  element("after").disabled = page === pages - 1;
}

async function show() {
  menus();
  writeAddress();
  const mine = current();
  element("count").textContent = "Reading …";
  try {
    const [records, questions] = await Promise.all([load(mine.file), load(mine.questions)]);
    if (mine !== current()) return;
    view = { records, questions };
    list();
  } catch (error) {
    element("list").replaceChildren();
    element("count").textContent = error.message;
  }
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  page = Math.max(0, (Number(given.get("page")) || 1) - 1);
  for (const name of CONTROLS) {
    menus();
    const value = given.get(name);
    const control = element(name);
    if (value !== null && (control.tagName !== "SELECT" || [...control.options].some((o) => o.value === value))) control.value = value;
  }
}

function writeAddress() {
  const kept = new URLSearchParams(CONTROLS.map((name) => [name, element(name).value]).filter(([, value]) => value));
  if (page) kept.set("page", page + 1);
  history.replaceState(null, "", `#${kept}`);
}

function turn(by) {
  page += by;
  writeAddress();
  list();
  element("list").querySelector("summary")?.focus();
}

for (const name of CONTROLS)
  element(name).addEventListener(name === "search" ? "input" : "change", () => {
    page = 0;
    show();
  });
element("before").addEventListener("click", () => turn(-1));
element("after").addEventListener("click", () => turn(1));
addEventListener("hashchange", () => {
  readAddress();
  show();
});
readAddress();
show();
