"use strict";
/* The leaderboard's page. Every text from data is a stranger's: it goes through `el`, which makes text nodes, and never through innerHTML.
   Data files call pluralign.take(name, value) and are loaded as scripts, because fetch does not work from file://.
   All of a view's state is in the hash; a model's answers are not in it: no link passes by their notice. */
(() => {

// ---- elements

const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes that begin with "on" are listeners, null and false are left out, children are nodes or texts. */
function el(tag, attributes = {}, ...children) { return filled(document.createElement(tag), attributes, children); }
function svg(tag, attributes = {}, ...children) { return filled(document.createElementNS(SVG, tag), attributes, children); }
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(3).filter(one => one !== null && one !== undefined && one !== false));
  return node;
}
const byId = id => document.getElementById(id);
const small = (...children) => el("small", {}, ...children);
const note = (...children) => el("p", { class: "note" }, ...children);

// ---- numbers and words

const DASH = "–";
const fixed = (x, digits = 3) => x === null || x === undefined || Number.isNaN(x) ? DASH : x.toFixed(digits).replace("-", "−");
/** With its sign even where it rounds to 0: [−0.000, +0.011] holds 0 and [0.000, +0.011] might not. */
const signed = x => x > 0 ? `+${fixed(x)}` : fixed(x);
const count = n => n.toLocaleString("en");
const sizeOf = n => n === null ? DASH : n >= 1e9 ? `${+(n / 1e9).toPrecision(3)} B` : n >= 1e6 ? `${+(n / 1e6).toPrecision(3)} M` : count(n);
const LANGUAGE = { en: "English", de: "German", both: "English and German" };
const TIER = {
  recomputed: "scores were computed again from the answers and are the reported ones",
  "re-judged": "a sample of the answers was judged again, and it agrees",
  reproduced: "answers were generated and judged again, and they agree",
};
/** Only an identifier of the Hub's own form becomes an address. */
const hubLink = (id, kind) => (kind === "hub" || kind === "adapter") && /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(id) ? `https://huggingface.co/${id}` : null;

// ---- state: the hash, without what is as usual

const USUAL = {
  v: "table", board: "", lang: "", dim: "", sort: "rank", dir: "", q: "", base: "", method: "", tier: "", min: "", max: "", flagged: "", n: "100",
  place: "", a: "", b: "", aq: "", al: "", ad: "", amin: "", amax: "", ao: "", ap: "1",
};
const FILTERS = ["q", "base", "method", "tier", "min", "max", "flagged"];
const PLACE = /^[A-Za-z0-9][\w.-]*\/[\w-]+$/;
const STEP = 100, MOST_AT_ONCE = 2000, ANSWERS = 20;
let state = { ...USUAL }, board = null, writing = 0, consented = false, update = () => {};

function readHash() {
  const found = new URLSearchParams(location.hash.slice(1));
  const read = Object.fromEntries(Object.entries(USUAL).map(([name, usual]) => [name, found.get(name) ?? usual]));
  for (const name of ["place", "a", "b"]) if (!PLACE.test(read[name])) read[name] = "";  // a link is a stranger's text too
  return read;
}
function hashOf(patch = {}) {
  const kept = Object.entries({ ...state, ...patch }).filter(([name, value]) => value !== USUAL[name] && value !== "");
  return `#${new URLSearchParams(kept)}`;
}
/** Follow a link. */
const go = patch => { location.hash = hashOf(patch); };
/** Change the address only, and not with every letter: browsers complain of that. */
function keep(patch) {
  Object.assign(state, patch);
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", hashOf()), 150);
}
/** Change the state of the view that is shown. */
function set(patch) { keep(patch); update(); }

// ---- data files

const taken = new Map(), loading = new Map();
function take(name, value) { taken.set([name, value.key ?? value.place ?? ""].join(" "), value); }
function load(path, id) {
  if (!loading.has(path)) loading.set(path, new Promise((resolve, reject) => {
    const fail = () => { loading.delete(path); reject(new Error(`${path} could not be loaded.`)); };
    document.head.append(el("script", { src: path, onload: () => taken.has(id) ? resolve(taken.get(id)) : fail(), onerror: fail }));
  }));
  return loading.get(path);
}
const loadBoard = async key => prepared(await load(`boards/${key}.js`, `board ${key}`));
const loadSubmission = place => load(`submissions/${encodeURIComponent(place.replace("/", "__"))}.js`, `submission ${place}`);
const loadDraws = () => load("draws.js", "draws ");

// ---- a board

function prepared(board) {
  if (board.at) return board;
  const { rows } = board, named = new Map();
  board.at = new Map(rows.place.map((place, k) => [place, k]));
  rows.model.forEach(model => named.set(model, (named.get(model) ?? 0) + 1));
  board.label = k => named.get(rows.model[k]) > 1 ? `${rows.model[k]} (${rows.version[k].slice(0, 8)}, ${rows.date[k]})` : rows.model[k];
  board.text = rows.model.map((model, k) => [model, rows.base_model[k], rows.method[k], rows.licence[k], rows.precision[k], rows.version[k]].join(" ").toLowerCase());
  board.kept = new Map();
  return board;
}
/** Worked out once a board. */
function once(key, make) {
  if (!board.kept.has(key)) board.kept.set(key, make());
  return board.kept.get(key);
}
const language = () => board.languages.includes(state.lang) ? state.lang : board.languages.at(-1);
const dimension = () => board.dimensions.some(one => one.name === state.dim) ? state.dim : board.dimensions[0].name;
const told = name => board.dimensions.find(one => one.name === name);
const standing = (name, lang = language()) => board.rows.standings[`${name}|${lang}`];
const good = name => told(name).better === "higher" ? 1 : -1;
const languages = () => board.languages.filter(one => one !== "both");
const lengthOf = (k, lang) => {
  const known = (lang === "both" ? languages() : [lang]).map(one => board.rows.length[one][k]);
  return known.includes(null) ? null : known.reduce((sum, one) => sum + one, 0) / known.length;
};

/** Positions by rank, and whether a rank is shared with any other row: both of the whole board, whatever is filtered. */
function ranking(name, lang) {
  return once(`ranks ${name} ${lang}`, () => {
    const cell = standing(name, lang), sign = good(name), far = Infinity;
    const order = board.rows.place.map((_, k) => k).sort((i, j) =>
      (cell.rank_low[i] ?? far) - (cell.rank_low[j] ?? far) || (cell.rank_high[i] ?? far) - (cell.rank_high[j] ?? far)
      || sign * ((cell.score[j] ?? -sign * far) - (cell.score[i] ?? -sign * far)) || i - j);
    const position = new Array(order.length), shared = new Array(order.length).fill(false);
    let reach = 0;
    order.forEach((k, p) => {
      position[k] = p;
      const next = order[p + 1];
      if (cell.rank_low[k] === null) return;
      shared[k] = reach >= cell.rank_low[k] || (next !== undefined && cell.rank_low[next] !== null && cell.rank_low[next] <= cell.rank_high[k]);
      reach = Math.max(reach, cell.rank_high[k]);
    });
    return { position, shared };
  });
}

/** The common axis of all rows, rounded outwards; none where no row has a value. */
function axisOf(key, lows, highs, withZero = false) {
  return once(`axis ${key}`, () => {
    let low = withZero ? 0 : Infinity, high = withZero ? 0 : -Infinity;
    for (const x of lows) if (x !== null && x < low) low = x;
    for (const x of highs) if (x !== null && x > high) high = x;
    if (lows.every(x => x === null)) return null;
    const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-3))) / 2;
    const [from, to] = [Math.floor(low / step) * step, Math.ceil(high / step) * step];
    return [from, to > from ? to : from + step];  // a single value without a reach has an axis too
  });
}
const scoreAxis = (name, lang = language()) => axisOf(`score ${name} ${lang}`, standing(name, lang).low, standing(name, lang).high);
const equalAxis = (name, lang = language()) => axisOf(`equal ${name} ${lang}`, standing(name, lang).equal_length_low, standing(name, lang).equal_length_high);
const changeAxis = (name, lang = language()) => axisOf(`change ${name} ${lang}`, standing(name, lang).change_low, standing(name, lang).change_high, true);

/** Dot and whisker; the numbers stand beside it, so that readers of the screen's text miss nothing. */
function whisker(value, low, high, [from, to], hollow = false) {
  const at = x => (118 * (x - from) / (to - from) + 1).toFixed(1);
  return svg("svg", { class: hollow ? "dot hollow" : "dot", viewBox: "0 0 120 16", "aria-hidden": "true" },
    svg("line", { class: "axis", x1: 1, x2: 119, y1: 8, y2: 8 }),
    from <= 0 && to > 0 && from < 0 ? svg("line", { class: "zero", x1: at(0), x2: at(0), y1: 1, y2: 15 }) : null,
    svg("line", { class: "reach", x1: at(low), x2: at(high), y1: 8, y2: 8 }),
    svg("circle", { cx: at(value), cy: 8, r: 3.4 }));
}
function interval(value, low, high, axis, hollow = false, tell = fixed) {
  if (value === null || value === undefined) return DASH;
  return [whisker(value, low, high, axis, hollow), el("span", { class: "numbers" }, el("b", {}, tell(value)), " ", el("span", {}, `[${tell(low)}, ${tell(high)}]`))];
}
const scoreCell = (name, k, lang = language()) => {
  const cell = standing(name, lang);
  return interval(cell.score[k], cell.low[k], cell.high[k], scoreAxis(name, lang), !board.rows.ranked[k]);
};
const equalCell = (name, k, lang = language()) => {
  const cell = standing(name, lang);
  return interval(cell.equal_length[k], cell.equal_length_low[k], cell.equal_length_high[k], equalAxis(name, lang), !board.rows.ranked[k]);
};
function changeCell(name, k, lang = language()) {
  const cell = standing(name, lang);
  if (cell.change[k] === null) return DASH;
  return [...interval(cell.change[k], cell.change_low[k], cell.change_high[k], changeAxis(name, lang), !board.rows.ranked[k], signed),
    small(verdict(cell.change[k], cell.change_low[k], cell.change_high[k], good(name)))];
}
const separable = (low, high) => low > 0 || high < 0;
const verdict = (value, low, high, sign) => separable(low, high) ? (value * sign > 0 ? "better" : "worse") : "not separable from 0";
function rankText(name, k, lang = language()) {
  const cell = standing(name, lang), [low, high] = [cell.rank_low[k], cell.rank_high[k]];
  return low === null ? DASH : low === high ? `${low}` : `${low}–${high}`;
}
function rankCell(name, k, lang = language()) {
  if (standing(name, lang).rank_low[k] === null) {
    const why = board.rows.flags[k].map(flag => flag.kind).join(", ");
    return [DASH, small(board.rows.ranked[k] ? "no score" : `not ranked: ${why}`)];
  }
  const shared = ranking(name, lang).shared[k];
  return [rankText(name, k, lang), shared ? el("span", { title: "shares ranks with others" }, "\u00a0=", el("span", { class: "only-read" }, " shared")) : null];
}
const badges = k => board.rows.flags[k].map(flag => el("span", { class: "badge", title: flag.detail }, `⚑ ${flag.kind}`, el("span", { class: "only-read" }, `: ${flag.detail}`)));
const modelLink = (k, patch = {}) => el("a", { href: hashOf({ v: "model", place: board.rows.place[k], ap: "1", ...patch }) }, board.label(k));

// ---- the table

/** first: the direction of the first click, so that the best or the largest comes first. */
function columns() {
  const name = dimension(), lang = language(), { rows } = board, cell = standing(name);
  const others = board.dimensions.filter(one => one.name !== name);
  const score = one => ({
    label: one.label, sub: `${one.better} is better`, axis: scoreAxis(one.name), first: -good(one.name), value: k => standing(one.name).score[k], draw: k => scoreCell(one.name, k),
  });
  return [
    { key: "rank", label: "rank", sub: `by ${told(name).label}`, first: 1, value: k => cell.rank_low[k] === null ? null : ranking(name, lang).position[k], draw: k => rankCell(name, k) },
    { key: "model", label: "model", first: 1, value: k => rows.model[k], draw: k => [modelLink(k), small(rows.date[k], " ", compareButton(k))] },
    { key: "score", ...score(told(name)) },
    ...others.map(one => ({ key: `d-${one.name}`, ...score(one) })),
    { key: "change", label: "change from its base", sub: told(name).label, axis: changeAxis(name), first: -good(name), value: k => cell.change[k], draw: k => changeCell(name, k) },
    { key: "equal", label: "at equal length", sub: told(name).label, axis: equalAxis(name), first: -good(name), value: k => cell.equal_length[k], draw: k => equalCell(name, k) },
    { key: "length", label: "length", sub: "characters", first: -1, value: k => lengthOf(k, lang), draw: k => fixed(lengthOf(k, lang), 0) },
    { key: "method", label: "method", first: 1, value: k => rows.method[k], draw: k => rows.method[k] },
    { key: "size", label: "size", first: -1, value: k => rows.n_parameters[k], draw: k => sizeOf(rows.n_parameters[k]) },
    { key: "tier", label: "tier", first: -1, value: k => Object.keys(TIER).indexOf(rows.tier[k]), draw: k => el("span", { title: TIER[rows.tier[k]] }, rows.tier[k]) },
    ...(!board.jury ? [] : [
      { key: "worst", label: "worst group", sub: board.jury, first: 1, value: k => rows.worst_group[k]?.value ?? null, draw: k => rows.worst_group[k] ? [fixed(rows.worst_group[k].value), small(`${rows.worst_group[k].group}, ${told(rows.worst_group[k].dimension)?.label ?? rows.worst_group[k].dimension}`)] : DASH },
      { key: "gap", label: "group gap", sub: board.jury, first: 1, value: k => rows.group_gap[k], draw: k => fixed(rows.group_gap[k]) },
    ]),
    { key: "flags", label: "flags", first: -1, value: k => rows.flags[k].length || null, draw: k => badges(k) },
  ];
}

/** Rows that pass the filters, sorted; rows without a value come last in either direction, equal ones by rank. */
function chosenRows(all = columns()) {
  const { rows } = board, column = all.find(one => one.key === state.sort) ?? all[0];
  const q = state.q.trim().toLowerCase(), base = state.base.trim().toLowerCase();
  const [least, most] = [state.min, state.max].map(text => text === "" || Number.isNaN(+text) ? null : +text * 1e9);
  const kept = [];
  for (let k = 0; k < board.n; k++) {
    const size = rows.n_parameters[k];
    if (q && !board.text[k].includes(q)) continue;
    if (base && !(rows.base_model[k] ?? "").toLowerCase().includes(base)) continue;
    if (state.method && rows.method[k] !== state.method) continue;
    if (state.tier && rows.tier[k] !== state.tier) continue;
    if (state.flagged === "hide" && rows.flags[k].length) continue;
    if ((least !== null && !(size >= least)) || (most !== null && !(size !== null && size <= most))) continue;
    kept.push(k);
  }
  const values = new Array(board.n), { position } = ranking(dimension(), language());
  for (const k of kept) values[k] = column.value(k);
  const sign = direction(column), collator = new Intl.Collator("en", { numeric: true });
  const compare = typeof values[kept.find(k => values[k] !== null)] === "string" ? collator.compare : (x, y) => x - y;
  return kept.sort((i, j) => {
    const [x, y] = [values[i], values[j]];
    if (x === null || y === null) return (x === null) - (y === null) || position[i] - position[j];
    return sign * compare(x, y) || position[i] - position[j];
  });
}
const direction = column => state.dir === "asc" ? 1 : state.dir === "desc" ? -1 : column.first;
const sortBy = column => set(state.sort === column.key ? { dir: direction(column) === 1 ? "desc" : "asc" } : { sort: column.key, dir: "" });

function compareButton(k) {
  const place = board.rows.place[k], pressed = state.a === place && !state.b;
  const pick = () => state.a && !state.b && !pressed ? go({ v: "compare", b: place }) : set({ a: pressed ? "" : place, b: "" });
  return el("button", { type: "button", class: "compare", "data-place": place, "aria-pressed": String(pressed), onclick: pick }, "compare", el("span", { class: "only-read" }, ` ${board.label(k)}`));
}

function field(label, control, kind = "") { return el("label", { class: kind }, label, control); }
function choice(name, options, chosen = state[name], change = value => set({ [name]: value, n: USUAL.n })) {
  return el("select", { id: `f-${name}`, onchange: event => change(event.target.value) },
    options.map(([value, label]) => el("option", { value, selected: value === chosen }, label)));
}
function typed(name, type, attributes = {}, more = { n: USUAL.n }) {
  return el("input", { id: `f-${name}`, type, value: state[name], oninput: event => set({ [name]: event.target.value, ...more }), autocomplete: "off", spellcheck: "false", ...attributes });
}
const seen = values => [...new Set(values.filter(one => one))].sort();
const all = (label, values) => [["", label], ...values.map(one => [one, one])];
const rankBy = () => field("Rank by", choice("dim", board.dimensions.map(one => [one.name, one.label]), dimension()));
const inLanguage = () => field("Language", choice("lang", board.languages.map(one => [one, LANGUAGE[one]]), language()));

function filterForm() {
  const { rows } = board, bases = once("bases", () => seen(rows.base_model));
  const reset = () => go({ ...Object.fromEntries(FILTERS.map(name => [name, ""])), n: USUAL.n });
  const narrow = matchMedia("(max-width: 700px)").matches, used = FILTERS.some(name => name !== "q" && state[name] !== "");
  return el("form", { "aria-label": "What is shown", onsubmit: event => event.preventDefault() },
    el("div", { class: "controls" }, rankBy(), inLanguage(), field("Search", typed("q", "search", { placeholder: "model, method, licence …" }), "wide"),
      field("Sort by", choice("sort", columns().map(one => [one.key, one.label]), state.sort, value => set({ sort: value, dir: "" })), "only-narrow"),
      el("button", { type: "button", class: "only-narrow", onclick: () => sortBy(columns().find(one => one.key === state.sort) ?? columns()[0]) }, "Turn order")),
    el("details", { open: used || !narrow }, el("summary", {}, "Filters"), el("div", { class: "controls" },
      field("Base model", [typed("base", "search", { list: "bases" }), el("datalist", { id: "bases" }, bases.slice(0, 200).map(one => el("option", { value: one })))]),
      field("Method", choice("method", all("any", seen(rows.method)))), field("Tier", choice("tier", all("any", seen(rows.tier)))),
      field("Size from, billions", typed("min", "number", { min: 0, step: "any" })), field("Size to, billions", typed("max", "number", { min: 0, step: "any" })),
      el("label", { class: "tick" }, el("input", { id: "f-flagged", type: "checkbox", checked: state.flagged !== "hide", onchange: event => set({ flagged: event.target.checked ? "" : "hide", n: USUAL.n }) }), "show flagged"),
      el("button", { type: "button", onclick: reset }, "Clear filters"))));
}

function tableView(main) {
  const said = el("p", { class: "count", role: "status" }), chosen = el("p", { class: "chosen", role: "status" });
  const head = el("tr", { role: "row" }), body = el("tbody", { role: "rowgroup" });
  const more = el("button", { type: "button", id: "more" });
  const table = el("table", { class: "board", role: "table" },
    el("caption", { class: "only-read" }, board.title), el("thead", { role: "rowgroup" }, head), body);
  main.append(heading("The table"), filterForm(), el("div", { class: "line" }, said, downloads()), chosen,
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of submissions" }, table), more, howToRead());
  let shape = "", drawn = 0, order = [];

  function header(all) {
    const now = `${dimension()} ${language()}`;
    if (now !== shape) {  // else the buttons stay, and so does the focus on one of them
      head.replaceChildren(...all.map(one => el("th", { scope: "col", role: "columnheader" },
        el("button", { type: "button", class: "sort", "data-sort": one.key, onclick: () => sortBy(columns().find(other => other.key === one.key)) }, one.label, el("span", { class: "way", "aria-hidden": "true" })),
        one.sub ? el("span", { class: "better" }, one.sub) : null,
        one.axis ? el("span", { class: "ends", "aria-hidden": "true" }, el("span", {}, fixed(one.axis[0], 2)), el("span", {}, fixed(one.axis[1], 2))) : null)));
    }
    shape = now;
    const sorted = all.find(one => one.key === state.sort) ?? all[0];
    all.forEach((one, c) => {
      const way = one !== sorted ? null : direction(one) === 1 ? "ascending" : "descending";
      if (way) head.children[c].setAttribute("aria-sort", way); else head.children[c].removeAttribute("aria-sort");
      head.children[c].querySelector(".way").textContent = way === null ? "" : way === "ascending" ? " ▲" : " ▼";
    });
  }
  function line(all, k) {
    return el("tr", { role: "row", "data-place": board.rows.place[k] }, all.map(one => one.key === "model"
      ? el("th", { scope: "row", role: "rowheader", class: "model" }, one.draw(k))
      : el("td", { role: "cell", class: one.key, "data-label": one.label }, one.draw(k))));
  }
  function fill(all, upTo) {
    body.append(...order.slice(drawn, upTo).map(k => line(all, k)));
    drawn = Math.min(upTo, order.length);
    more.hidden = drawn >= order.length;
    more.textContent = `Show ${Math.min(STEP, order.length - drawn)} more of ${count(order.length)}`;
  }
  more.addEventListener("click", () => {
    const first = drawn;
    fill(columns(), drawn + STEP);
    keep({ n: String(drawn) });
    body.children[first]?.querySelector("a").focus();
  });
  return () => {
    const all = columns(), focused = document.activeElement?.closest?.("tr[data-place]")?.dataset.place;
    header(all);
    order = chosenRows(all);
    drawn = 0;
    body.replaceChildren();
    fill(all, Math.min(Math.max(STEP, parseInt(state.n, 10) || 0), MOST_AT_ONCE));
    said.textContent = `${count(order.length)} of ${count(board.n)} submissions` + (order.length === 0 ? "; no one passes the filters." : "");
    const k = board.at.get(state.a);
    chosen.hidden = k === undefined || state.b !== "";
    chosen.textContent = chosen.hidden ? "" : `${board.label(k)} is chosen: press “compare” at another one.`;
    if (focused) body.querySelector(`tr[data-place="${CSS.escape(focused)}"] .compare`)?.focus();
  };
}

function downloads() {
  const file = ending => el("a", { href: `boards/${board.key}.${ending}`, download: `pluralign-${board.key}.${ending}` }, ending === "csv" ? "CSV" : "Parquet");
  return el("p", {}, "Download this board: ", file("csv"), " · ", file("parquet"));
}
function howToRead() {
  const older = Object.keys(board.superseded).length;
  return el("details", { id: "how" }, el("summary", {}, "How to read it, and who judged"),
    el("ul", { class: "plain" },
      el("li", {}, "Scores are means over prompts, from 0 to 1, with 95 % intervals by a cluster bootstrap over prompt templates; “English and German” is the mean of the two languages’ means."),
      el("li", {}, "A rank’s interval counts the submissions that are better, or worse, by paired t tests over templates at 5 % by Holm’s correction over all pairs of the board. The comparison of two gives their own paired interval, without that correction."),
      el("li", {}, "The change is against the submission’s own base model on this board, on the same prompts. At equal length, the board’s slope of score on length is taken out; for answers of quite another length that is an extrapolation."),
      el("li", {}, "A hollow dot is a submission that is listed and not ranked; its flags say why. ", Object.entries(board.flags).map(([kind, what]) => `${kind}: ${what}`).join("; "), "."),
      el("li", {}, "Tiers: ", Object.entries(TIER).map(([tier, what]) => `${tier}: ${what}`).join("; "), "."),
      older ? el("li", {}, `${count(older)} older submissions of the same version of a model are superseded and not listed.`) : null),
    el("p", {}, `Judge: ${board.judge}; prompts ${board.prompts}.`),
    el("ul", { class: "plain" }, board.judge_lines.map(one => el("li", {}, one.trim()))));
}

// ---- one model

function plainTable(label, heads, rows, kind = "") {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: kind }, el("thead", {}, el("tr", {}, heads.map(one => el("th", { scope: "col" }, one)))),
      el("tbody", {}, rows.map(cells => el("tr", {}, cells.map((one, c) => c === 0 ? el("th", { scope: "row" }, one) : one instanceof Element && one.tagName === "TD" ? one : el("td", {}, one)))))));
}
const facts = pairs => el("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
function flat(value, name = "") {
  if (Array.isArray(value)) return value.every(one => typeof one !== "object") ? [[name, value.join(", ") || "none"]] : [];
  if (value === null || typeof value !== "object") return [[name, value === null ? "none" : String(value)]];
  return Object.entries(value).flatMap(([key, one]) => flat(one, name ? `${name}: ${key}` : key));
}
const manifestList = manifest => el("dl", { class: "pairs" }, flat(manifest).map(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)]));
function heading(text) {
  document.title = `${text} · ${byId("stamp").dataset.title}`;
  return el("h2", { tabindex: "-1" }, text);
}
function rowFacts(k) {
  const { rows } = board, base = board.at.get(rows.base_place[k]);
  return facts([["method", rows.method[k]], ["base", base !== undefined ? modelLink(base) : rows.base_model[k] ?? "none"], ["parameters", sizeOf(rows.n_parameters[k])], ["precision", rows.precision[k]],
    ["licence", rows.licence[k]], ["date", rows.date[k]], ["tier", el("span", { title: TIER[rows.tier[k]] }, rows.tier[k])], ["kind", rows.kind[k]]]);
}
function scoreRows(k) {
  const cells = board.dimensions.flatMap(one => board.languages.map(lang => [one, lang])).filter(([one, lang]) => standing(one.name, lang).score[k] !== null);
  return cells.map(([one, lang]) => {
    const cell = standing(one.name, lang);
    return [[one.label, small(`${LANGUAGE[lang]}; ${one.better} is better`)], rankCell(one.name, k, lang), scoreCell(one.name, k, lang), changeCell(one.name, k, lang),
      equalCell(one.name, k, lang), `${cell.n[k]}`, `${cell.n_failed[k]}`];
  });
}

function modelView(main) {
  const place = state.place, k = board.at.get(place), newer = board.at.get(board.superseded[place]);
  const back = el("p", {}, el("a", { href: hashOf({ v: "table", place: "" }) }, "← the table"));
  if (k === undefined && newer === undefined) return void main.append(heading("No such submission"), el("p", {}, "This board has no submission of that name."), back);
  const manifest = el("div", {}), answers = el("div", {});
  if (k === undefined) main.append(heading(place), el("p", {}, "A newer submission stands in its stead: ", modelLink(newer)));
  else {
    const { rows } = board, link = hubLink(rows.model[k], rows.kind[k]);
    filled(main, {}, [heading(rows.model[k]), el("p", {}, link ? [el("a", { href: link, rel: "noopener noreferrer" }, "on the Hugging Face Hub"), " · "] : null, `version ${rows.version[k]} · `,
      el("a", { href: hashOf({ v: "compare", a: place, b: "", ap: "1" }) }, "compare with another")), rowFacts(k),
      rows.flags[k].length > 0 && [el("h3", {}, "Flags"), el("ul", { class: "plain" }, rows.flags[k].map(flag => el("li", {}, el("b", {}, flag.kind), `: ${flag.detail} (${board.flags[flag.kind] ?? ""})`)))],
      el("h3", {}, "Scores"), plainTable("Scores", ["dimension and language", "rank", "score [95 %]", "change from its base", "at equal length", "answers scored", "not scored"], scoreRows(k)),
      note(rows.front[k].length ? `On the front of the Pareto plot in: ${rows.front[k].map(one => LANGUAGE[one]).join(", ")}.` : "Not on the front of the Pareto plot."),
      heatmap(k)]);
  }
  main.append(el("h3", {}, "What the submission says of itself"), manifest, answers, back);
  const name = k === undefined ? place : board.label(k);
  waiting(manifest, loadSubmission(place), found => {
    const { reported, ...rest } = found.manifest;
    const { training, command, hardware, contact, seeds } = rest;
    manifest.append(manifestList({ training, command, hardware, contact, seeds }), el("details", {}, el("summary", {}, "The whole manifest"), manifestList({ ...rest, digest: found.digest, place })));
    answersPanel(answers, [{ name, samples: found.samples }]);
  });
}
/** Show that something is loading, what came, or why it did not; nothing where the view was left meanwhile. */
function waiting(into, promise, show) {
  into.append(note("Loading …"));
  promise.then(found => { if (into.isConnected) { into.replaceChildren(); show(found); } }, error => into.replaceChildren(el("p", { role: "alert" }, `${error.message} Reload the page, or tell who keeps it.`)));
}

// ---- answers, behind a notice

const unit = score => (score - 1) / 4;  // judges score on 1–5, every table is on 0–1

/** Answers of one submission, or of two side by side. */
function answersPanel(into, of) {
  into.replaceChildren(el("h3", {}, "Answers"));
  if (!of.some(one => one.samples.length)) return into.append(el("p", {}, "The answers are not part of this page."));
  if (consented) return into.append(...answersBody(of));
  const show = () => { consented = true; answersPanel(into, of); into.querySelector("input").focus(); };
  into.append(el("div", { class: "notice" }, el("p", {}, "Prompts were written to provoke, and no one edited the answers: insults, slurs, stereotypes and wrong or harmful advice occur. They are the models’ words, not ours."),
    el("button", { type: "button", id: "show-answers", onclick: show }, "Show answers: they may offend")));
}
function joined(of) {
  const found = new Map();
  of.forEach((one, side) => one.samples.forEach(sample => {
    const key = `${sample.language} ${sample.prompt_id}`;
    if (!found.has(key)) found.set(key, { language: sample.language, prompt: sample.prompt, id: sample.prompt_id, sides: of.map(() => null) });
    found.get(key).sides[side] = sample;
  }));
  return [...found.values()];
}
function answersBody(of) {
  const items = joined(of), names = seen(items.flatMap(item => item.sides.flatMap(one => one ? Object.keys(one.scores) : [])));
  const said = el("p", { class: "count", role: "status" }), list = el("ol", { class: "answers" });
  const first = { ap: "1" }, change = name => value => set({ [name]: value, ap: "1" });
  const name = () => names.includes(state.ad) ? state.ad : names.includes(dimension()) ? dimension() : names[0];
  const orders = [["", "as asked"], ["high", "highest score first"], ["low", "lowest score first"], ...(of.length > 1 ? [["apart", "largest difference first"]] : [])];
  const form = el("form", { class: "controls", "aria-label": "Answers", onsubmit: event => event.preventDefault() },
    field("Search in prompts and answers", typed("aq", "search", {}, first), "wide"),
    field("Language", choice("al", [["", "any"], ...seen(items.map(one => one.language)).map(one => [one, LANGUAGE[one]])], state.al, change("al"))),
    field("Score of", choice("ad", names.map(one => [one, one.replaceAll("_", " ")]), name(), change("ad"))),
    field("from", typed("amin", "number", { min: 0, max: 1, step: "any" }, first)), field("to", typed("amax", "number", { min: 0, max: 1, step: "any" }, first)),
    field("Order", choice("ao", orders, state.ao, change("ao"))));
  const back = el("button", { type: "button", onclick: () => turn(-1) }, "Previous"), on = el("button", { type: "button", onclick: () => turn(1) }, "Next");
  const where = el("span", {});
  const turn = by => { set({ ap: String((parseInt(state.ap, 10) || 1) + by) }); said.scrollIntoView(); };
  const scoresOf = item => item.sides.map(one => one && name() in one.scores ? unit(one.scores[name()]) : null).filter(one => one !== null);

  function kept() {
    const q = state.aq.trim().toLowerCase(), [least, most] = [state.amin, state.amax].map(text => text === "" ? null : +text);
    const bounded = least !== null || most !== null;
    const found = items.filter(item => (!state.al || item.language === state.al)
      && (!q || item.prompt.toLowerCase().includes(q) || item.sides.some(one => one?.response.toLowerCase().includes(q)))
      && (!bounded || scoresOf(item).some(one => (least === null || one >= least) && (most === null || one <= most))));
    const sign = { high: -1, low: 1, apart: -1 }[state.ao];
    const key = item => state.ao === "apart" ? (scoresOf(item).length > 1 ? Math.abs(scoresOf(item)[0] - scoresOf(item)[1]) : null) : sign === 1 ? Math.min(...scoresOf(item)) : Math.max(...scoresOf(item));
    return !sign ? found : found.map(item => [key(item), item]).sort(([x], [y]) => Number.isFinite(x) && Number.isFinite(y) ? sign * (x - y) : Number.isFinite(y) - Number.isFinite(x)).map(([, item]) => item);
  }
  update = () => {
    const found = kept(), pages = Math.max(1, Math.ceil(found.length / ANSWERS)), page = Math.min(Math.max(1, parseInt(state.ap, 10) || 1), pages);
    said.textContent = `${count(found.length)} of ${count(items.length)} prompts`;
    where.textContent = ` page ${page} of ${pages} `;
    back.disabled = page === 1; on.disabled = page === pages;
    list.replaceChildren(...found.slice((page - 1) * ANSWERS, page * ANSWERS).map(item => el("li", {},
      el("p", { class: "said prompt", dir: "auto", lang: item.language }, item.prompt), small(`${item.id}, ${LANGUAGE[item.language]}`),
      el("div", { class: of.length > 1 ? "beside" : "" }, item.sides.map((one, side) => answer(one, of.length > 1 ? of[side].name : ""))))));
  };
  update();
  return [form, said, list, el("p", { class: "pages" }, back, where, on)];
}
function answer(sample, name) {
  const head = name ? el("b", {}, name) : null;
  if (!sample) return el("div", { class: "answer" }, head, note("No answer to this prompt."));
  const scores = Object.entries(sample.scores).map(([one, value]) => `${one.replaceAll("_", " ")} ${fixed(unit(value), 2)}`);
  const failed = Object.entries(sample.failures).map(([one, kind]) => `${one.replaceAll("_", " ")} not scored (${kind.replaceAll("_", " ")})`);
  return el("div", { class: "answer" }, head, el("p", { class: "said", dir: "auto", lang: sample.language }, sample.response || "(empty)"), small([...scores, ...failed].join(" · ")));
}

// ---- two models

function drawsOf(held) {
  held.times ??= Uint8Array.from(atob(held.base64), one => one.charCodeAt(0));  // (n, templates), row by row
  return held;
}
/** Bootstrapped means, as board.replicates: a ratio of sums a language, and the mean of the languages' ratios. */
function replicates(sums, name, langs, { times, n, templates }) {
  const out = new Float64Array(n);
  for (const lang of langs) {
    const cell = sums[`${name}|${lang}`];
    for (let r = 0; r < n; r++) {
      let total = 0, size = 0;
      for (let t = 0; t < templates; t++) { total += times[r * templates + t] * cell.sum[t]; size += times[r * templates + t] * cell.n[t]; }
      out[r] += (size > 0 ? total / size : NaN) / langs.length;
    }
  }
  return out;
}
function meanOf(sums, name, langs) {
  const add = list => list.reduce((x, y) => x + y, 0);
  return langs.reduce((out, lang) => out + add(sums[`${name}|${lang}`].sum) / add(sums[`${name}|${lang}`].n) / langs.length, 0);
}
/** np.quantile of sorted values, linear; not a number where any value is none. */
function quantile(sorted, q) {
  const at = (sorted.length - 1) * q, k = Math.floor(at);
  return sorted[k] + (at - k) * ((sorted[k + 1] ?? sorted[k]) - sorted[k]);
}
/** The paired difference, first less second, with its 95 % interval. */
function paired(first, second, name, lang, draws) {
  const langs = lang === "both" ? languages() : [lang];
  if (!langs.every(one => `${name}|${one}` in first.sums && `${name}|${one}` in second.sums)) return null;
  const held = drawsOf(draws), x = replicates(first.sums, name, langs, held), y = replicates(second.sums, name, langs, held);
  const apart = x.map((one, r) => one - y[r]), [a, b] = [meanOf(first.sums, name, langs), meanOf(second.sums, name, langs)];
  if (apart.some(Number.isNaN)) return { a, b, value: a - b, low: NaN, high: NaN };
  apart.sort();
  return { a, b, value: a - b, low: quantile(apart, 0.025), high: quantile(apart, 0.975) };
}
function sentence(found, name, lang, [a, b]) {
  const where = `${told(name).label}, ${LANGUAGE[lang]}`;
  if (Number.isNaN(found.low)) return `On ${where}, the two cannot be compared: too few answers were scored.`;
  if (!separable(found.low, found.high)) return `On ${where}, ${a} and ${b} are not separable: the interval of their difference holds 0.`;
  return `On ${where}, the two are separable: ${a} scores ${fixed(Math.abs(found.value))} ${found.value > 0 ? "higher" : "lower"} than ${b}; ${told(name).better} is better, so ${found.value * good(name) > 0 ? a : b} is the better one.`;
}
/** A list to pick one from; over fifty it is narrowed by words. */
function picker(name, label) {
  const list = el("select", { id: `f-${name}`, onchange: event => go({ [name]: event.target.value, ap: "1" }) });
  const fillList = words => {
    const found = board.rows.place.map((_, k) => k).filter(k => board.text[k].includes(words)).slice(0, 50);
    const k = board.at.get(state[name]);
    if (k !== undefined && !found.includes(k)) found.unshift(k);
    list.replaceChildren(el("option", { value: "" }, "choose …"), ...found.map(one => el("option", { value: board.rows.place[one], selected: board.rows.place[one] === state[name] }, board.label(one))));
  };
  fillList("");
  const narrow = board.n <= 50 ? null : field(`Find ${label.toLowerCase()} by words`, el("input", { type: "search", oninput: event => fillList(event.target.value.trim().toLowerCase()) }), "wide");
  return [narrow, field(label, list, "wide")];
}

function compareView(main) {
  const [i, j] = [board.at.get(state.a), board.at.get(state.b)];
  main.append(heading("Compare two"), el("form", { class: "controls", "aria-label": "Which two", onsubmit: event => event.preventDefault() }, picker("a", "First"), picker("b", "Second"),
    el("button", { type: "button", onclick: () => go({ a: state.b, b: state.a }) }, "Swap")));
  if (i === undefined || j === undefined || i === j) return void main.append(el("p", { role: "status" }, "Choose two different submissions."));
  const out = el("div", {}), answers = el("div", {}), names = [board.label(i), board.label(j)];
  main.append(el("div", { class: "two" }, [i, j].map(k => el("div", {}, el("h3", {}, modelLink(k)), rowFacts(k), el("p", {}, badges(k))))), out, answers);
  waiting(out, Promise.all([loadSubmission(state.a), loadSubmission(state.b), loadDraws()]), ([first, second, draws]) => {
    const cells = board.dimensions.flatMap(one => board.languages.map(lang => [one.name, lang])).map(([name, lang]) => [name, lang, paired(first, second, name, lang, draws)]).filter(([, , one]) => one);
    const reach = Math.max(1e-3, ...cells.flatMap(([, , one]) => [Math.abs(one.low), Math.abs(one.high)]).filter(Number.isFinite)), axis = [-reach, reach];
    const inChosen = cells.filter(([, lang]) => lang === language());
    out.append(el("h3", {}, "The difference"), ...inChosen.map(([name, lang, one]) => el("p", { class: "verdict" }, sentence(one, name, lang, names))),
      plainTable("Paired differences", ["dimension and language", names[0], names[1], "difference, first less second [95 %]", "separable"], cells.map(([name, lang, one]) => [
        [told(name).label, small(`${LANGUAGE[lang]}; ${told(name).better} is better`)], fixed(one.a), fixed(one.b),
        el("td", { "data-cell": `${name}|${lang}` }, Number.isNaN(one.low) ? [signed(one.value), small("no interval")] : interval(one.value, one.low, one.high, axis, false, signed)),
        Number.isNaN(one.low) ? DASH : separable(one.low, one.high) ? `yes, the ${one.value * good(name) > 0 ? "first" : "second"} is better` : "no"])),
      note("Paired on the same prompts: 2,000 draws of prompt templates, the same for both. This interval is for these two alone; the table’s ranks are corrected for all pairs and separate fewer."));
    answersPanel(answers, [{ name: names[0], samples: first.samples }, { name: names[1], samples: second.samples }]);
  });
}

// ---- the Pareto plot

const FOCUSABLE = 60;
function ticks([low, high]) {
  const step = [1, 2, 5, 10].map(one => one * 10 ** Math.floor(Math.log10((high - low) / 5))).find(one => (high - low) / one <= 6);
  const out = [];
  for (let x = Math.ceil(low / step - 1e-9) * step; x <= high + 1e-9; x += step) out.push(x);
  return out;
}
function scatter(across, up, order, numbers) {
  const lang = language(), narrow = matchMedia("(max-width: 700px)").matches, [W, H] = narrow ? [370, 360] : [900, 480];
  const [left, right, top, bottom] = [52, 14, 26, 44], [x, y] = [standing(across), standing(up)], [ax, ay] = [scoreAxis(across), scoreAxis(up)];
  const px = v => left + (W - left - right) * (v - ax[0]) / (ax[1] - ax[0]), py = v => H - bottom - (H - top - bottom) * (v - ay[0]) / (ay[1] - ay[0]);
  const root = svg("svg", { class: "plot", viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": `${told(up).label} against ${told(across).label}` });
  for (const v of ticks(ax)) root.append(svg("line", { class: "grid", x1: px(v), x2: px(v), y1: top, y2: H - bottom }), svg("text", { x: px(v), y: H - bottom + 16, "text-anchor": "middle" }, fixed(v, 2)));
  for (const v of ticks(ay)) root.append(svg("line", { class: "grid", x1: left, x2: W - right, y1: py(v), y2: py(v) }), svg("text", { x: left - 6, y: py(v) + 4, "text-anchor": "end" }, fixed(v, 2)));
  root.append(svg("text", { x: (left + W - right) / 2, y: H - 8, "text-anchor": "middle" }, `${told(across).label} (${told(across).better} is better)`),
    svg("text", { x: 6, y: 14 }, `${told(up).label} (${told(up).better} is better)`));
  const front = order.filter(k => board.rows.front[k].includes(lang)), rest = order.filter(k => !board.rows.front[k].includes(lang));
  const near = rest.slice(0, FOCUSABLE), foremost = front.slice(0, STEP), faint = [...rest.slice(FOCUSABLE), ...front.slice(STEP)];
  root.append(svg("path", { class: "many", d: faint.map(k => `M${px(x.score[k]).toFixed(1)} ${py(y.score[k]).toFixed(1)}h0`).join("") }));
  if (board.dimensions.length < 3 || !told("helpfulness")) {  // with three dimensions the front is a surface, and no line
    const along = [...front].sort((i, j) => x.score[i] - x.score[j]);
    root.append(svg("path", { class: "steps", d: along.map((k, n) => n ? `H${px(x.score[k])}V${py(y.score[k])}` : `M${px(x.score[k])} ${py(y.score[k])}`).join("") }));
  }
  const label = svg("text", { class: "name" });
  for (const k of [...near.reverse(), ...foremost]) root.append(point(k, px, py, x, y, numbers.get(k), label, W));
  root.append(label);
  return root;
}
function point(k, px, py, x, y, number, label, W) {
  const [cx, cy] = [px(x.score[k]), py(y.score[k])], kind = number ? "front" : board.rows.ranked[k] ? "" : "unranked";
  const text = `${board.label(k)}: ${fixed(x.score[k])}, ${fixed(y.score[k])}`;
  const show = () => {
    label.textContent = text;
    label.setAttribute("text-anchor", cx < W / 3 ? "start" : cx > W * 2 / 3 ? "end" : "middle");
    label.setAttribute("x", cx); label.setAttribute("y", cy - 14 < 30 ? cy + 26 : cy - 14);
  }, hide = () => { label.textContent = ""; };
  const d = kind === "front" ? `M${cx} ${cy - 7}l7 7l-7 7l-7 -7z` : kind ? `M${cx - 4} ${cy - 4}l8 8m0 -8l-8 8` : `M${cx - 4.5} ${cy}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z`;
  return svg("a", { href: hashOf({ v: "model", place: board.rows.place[k] }), class: kind, "aria-label": `${text}${number ? ", on the front" : kind ? ", not ranked" : ""}`, onfocus: show, onblur: hide, onmouseenter: show, onmouseleave: hide },
    svg("line", { class: "reach", x1: px(x.low[k]), x2: px(x.high[k]), y1: cy, y2: cy }), svg("line", { class: "reach", x1: cx, x2: cx, y1: py(y.low[k]), y2: py(y.high[k]) }),
    svg("circle", { class: "halo", cx, cy, r: 12 }), svg("path", { class: "mark", d }), number ? svg("text", { class: "number", x: cx + 9, y: cy - 7 }, `${number}`) : null);
}
function plotView(main) {
  main.append(heading("Pareto plot"), el("form", { class: "controls", onsubmit: event => event.preventDefault() }, inLanguage()));
  const has = ["toxicity", "emotional_awareness", "helpfulness"].filter(name => told(name)), out = el("div", {});
  if (has.length < 2) return void main.append(el("p", {}, "This board’s judge scores one of its dimensions only, so that there is nothing to weigh against another."));
  main.append(out);
  return () => {
    const lang = language(), order = chosenRows().filter(k => has.every(name => standing(name).score[k] !== null));
    if (!order.length) return void out.replaceChildren(el("p", { role: "status" }, `No submission that passes the table’s filters has scores of all dimensions in ${LANGUAGE[lang]}.`));
    const front = order.filter(k => board.rows.front[k].includes(lang)).sort((i, j) => standing(has[0]).score[i] - standing(has[0]).score[j]);
    const numbers = new Map(front.map((k, n) => [k, n + 1])), listed = [...front, ...order.filter(k => !numbers.has(k))].slice(0, STEP);
    out.replaceChildren(...has.slice(1).map(up => el("figure", {}, scatter(has[0], up, order, numbers))),
      el("p", { class: "note", role: "status" }, `${count(order.length)} submissions that pass the table’s filters, ${LANGUAGE[lang]}, with 95 % intervals. Numbered diamonds: the front; no ranked submission is at least as good on ${has.map(one => told(one).label).join(", ")} and better on one. `
        + `A front is of point scores: intervals that overlap may change it. Circles: the others; crosses: not ranked.${order.length > front.length + FOCUSABLE ? ` Dots: all after the first ${FOCUSABLE} in the table’s order.` : ""}`),
      el("details", { open: true }, el("summary", {}, `The same as a table${listed.length < order.length ? `, the front and the first of ${count(order.length)}` : ""}`),
        plainTable("Points of the plot", ["model", "front", ...has.map(one => told(one).label)],
          listed.map(k => [modelLink(k), numbers.has(k) ? `no. ${numbers.get(k)}` : board.rows.ranked[k] ? "" : "not ranked", ...has.map(one => scoreCell(one, k))]))));
  };
}

// ---- groups, the study, refused

/** Groups by metrics of one model; nothing where no jury of people was fitted. */
function heatmap(k) {
  const keys = board.jury ? Object.keys(board.rows.groups) : [], groups = seen(keys.map(key => key.split("|")[1])), metrics = seen(keys.map(key => key.split("|")[0]));
  if (!keys.length) return null;
  const shade = value => {
    const cell = el("td", {}, fixed(value, 2));
    if (typeof value === "number") cell.style.setProperty("--heat", `${Math.round(value * 55)}%`);  // ink stays readable on it
    return cell;
  };
  return el("div", {}, el("h3", {}, "Groups by metrics"), note(`The means that a jury of people expects (${board.jury}), from 0 to 1; the darker, the higher.`),
    plainTable("Groups by metrics", ["group", ...metrics.map(one => one.replaceAll("_", " "))], groups.map(group => [group, ...metrics.map(one => shade(board.rows.groups[`${one}|${group}`]?.[k]))]), "heat"));
}
function groupsView(main) {
  main.append(heading("Groups"));
  if (!board.jury || !Object.keys(board.rows.groups).length)
    return void main.append(el("p", {}, "There is no map of groups: it takes a jury fitted to the ratings of real people, and this board has none."));
  const k = board.at.get(state.place) ?? board.at.get(board.rows.place.find((_, one) => board.rows.ranked[one])) ?? 0;
  state.place = board.rows.place[k];
  main.append(el("form", { class: "controls", onsubmit: event => event.preventDefault() }, picker("place", "Model")), el("h3", {}, modelLink(k)), heatmap(k));
}
function studyView(main) {
  main.append(heading("The study’s published effects"), el("p", {}, "Differences that the study behind PlurAlign published, first less second. A table of reference: these are no submissions, come from other models and another judge, and are ranked against nothing here."),
    plainTable("Published effects", ["experiment", "outcome", "first", "second", "effect", "p", "as the paper words it"],
      INDEX.published.map(one => [one.experiment.replace("exp", "experiment "), one.outcome.replaceAll("_", " "), one.first, one.second, signed(one.effect), one.p || DASH, [one.wording, one.note ? small(one.note) : ""]]), "study"),
    note(INDEX.published[0]?.source.replace(/, Results.*/, ", section Results") ?? "", "; a dash where only a p value was published."));
}
function refusedView(main) {
  main.append(heading("Refused submissions"));
  if (!INDEX.refused.length) return void main.append(el("p", {}, "No submission was refused."));
  main.append(el("p", {}, "These did not pass their check and are on no board. Every reason, with file, field and what to do: ", el("a", { href: "refused.json" }, "refused.json"), "."),
    plainTable("Refused submissions", ["submission", "codes"], INDEX.refused.map(one => [one.place, one.codes.join(", ")])));
}

// ---- start

const VIEWS = {
  table: ["Table", tableView], plot: ["Pareto plot", plotView], compare: ["Compare two", compareView], groups: ["Groups", groupsView],
  study: ["Published effects", studyView], refused: ["Refused", refusedView], model: [null, modelView],
};
const BOARDLESS = ["study", "refused"];
let turn = 0;

function header(key) {
  const listed = INDEX.boards.find(one => one.key === key), stamp = byId("stamp");
  stamp.hidden = !listed?.is_demonstration;
  stamp.textContent = "Demonstration";
  const select = INDEX.boards.length > 1
    ? el("label", {}, "Board: judge and prompts ", el("select", { id: "f-board", onchange: event => go({ ...USUAL, v: state.v, board: event.target.value }) },
      INDEX.boards.map(one => el("option", { value: one.key, selected: one.key === key }, `${one.title} (${count(one.n)})`))))
    : listed ? note(listed.title) : "";
  byId("board-choice").replaceChildren(select);
  byId("warning").hidden = !board?.warning;
  byId("warning").textContent = board?.warning ?? "";
  byId("views").replaceChildren(...Object.entries(VIEWS).filter(([, [label]]) => label).map(([v, [label]]) =>
    el("li", {}, el("a", { href: hashOf({ v, place: "" }), "aria-current": state.v === v ? "page" : null }, label))));
}
/** Build the view that the hash tells of; a view that was left while its board was loading is not shown. */
async function mount(moved = false) {
  const mine = ++turn, main = byId("main");
  clearTimeout(writing);
  state = { ...readHash() };
  if (!(state.v in VIEWS)) state.v = "table";
  const key = (INDEX.boards.find(one => one.key === state.board) ?? INDEX.boards[0])?.key;
  update = () => {};
  try { board = key ? await loadBoard(key) : null; } catch (error) {
    main.replaceChildren(el("p", { role: "alert" }, `${error.message} Reload the page, or tell who keeps it.`));
    return;
  }
  if (mine !== turn) return;
  header(key);
  main.replaceChildren();
  if (!board && !BOARDLESS.includes(state.v)) main.append(heading("The table"), el("p", {}, "No submission was accepted yet."));
  else { update = VIEWS[state.v][1](main) ?? update; update(); }
  if (moved) { main.querySelector("h2").focus({ preventScroll: true }); scrollTo(0, 0); }
}
async function copyLink() {
  const link = `${location.href.split("#")[0]}${hashOf()}`;
  try {
    await navigator.clipboard.writeText(link);
    byId("copied").textContent = "Copied.";
  } catch {  // not allowed, or not a secure place: to be copied by hand
    byId("copy-by-hand").hidden = false;
    byId("copy-text").value = link;
    byId("copy-text").select();
  }
}

window.pluralign = { take, paired };
byId("stamp").dataset.title = document.title;
byId("copy").addEventListener("click", copyLink);
// The hash is the state, so that the link to the content must not change it.
byId("skip").addEventListener("click", event => { event.preventDefault(); byId("main").focus(); });
addEventListener("popstate", () => mount(true));
mount();
})();
