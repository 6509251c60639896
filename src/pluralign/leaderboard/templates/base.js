/* The leaderboard's page, first of four: elements, words, the state, data files, and what a cell of a board shows.
   The parts are put into one function in strict mode, see page.py; none is a script by itself.
   Every text from data is a stranger's: it goes through `el`, which makes text nodes, and never through innerHTML.
   Data files call pluralign.take(name, value) and are loaded as scripts, because fetch does not work from file://.
   All of a view's state is in the hash; a model's answers are not in it: no link passes by their notice. */

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
function plainTable(label, heads, rows, kind = "") {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el("table", { class: kind }, el("thead", {}, el("tr", {}, heads.map(one => el("th", { scope: "col" }, one)))),
      el("tbody", {}, rows.map(cells => el("tr", {}, cells.map((one, c) => c === 0 ? el("th", { scope: "row" }, one) : one instanceof Element && one.tagName === "TD" ? one : el("td", {}, one)))))));
}
function heading(text) {
  document.title = `${text} · ${byId("stamp").dataset.title}`;
  return el("h2", { tabindex: "-1" }, text);
}

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
const language = () => board.languages.includes(state.lang) ? state.lang : board.languages[0];  // a judge's scores are compared within a language
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
    const why = board.rows.flags[k].map(flag => flag.kind).join(", ") || "nobody judged it again";
    return [DASH, small(board.rows.ranked[k] ? "no score" : `not ranked: ${why}`)];
  }
  const shared = ranking(name, lang).shared[k];
  return [rankText(name, k, lang), shared ? el("span", { title: "not separable from others" }, "\u00a0=", el("span", { class: "only-read" }, " tied")) : null];
}
const badges = k => board.rows.flags[k].map(flag => el("span", { class: "badge", title: flag.detail }, `⚑ ${flag.kind}`, el("span", { class: "only-read" }, `: ${flag.detail}`)));
const modelLink = (k, patch = {}) => el("a", { href: hashOf({ v: "model", place: board.rows.place[k], ap: "1", ...patch }) }, board.label(k));
