/* Views of one submission, and of two side by side; their answers stand behind a notice. */

// ---- one model

const facts = pairs => el("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
function flat(value, name = "") {
  if (Array.isArray(value)) return value.every(one => typeof one !== "object") ? [[name, value.join(", ") || "none"]] : [];
  if (value === null || typeof value !== "object") return [[name, value === null ? "none" : String(value)]];
  return Object.entries(value).flatMap(([key, one]) => flat(one, name ? `${name}: ${key}` : key));
}
const manifestList = manifest => el("dl", { class: "pairs" }, flat(manifest).map(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, value)]));
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
    filled(main, {}, [heading(rows.model[k]), el("p", {}, link ? [el("a", { href: link, rel: "noopener noreferrer" }, "on the Hugging Face Hub"), " · "] : null, `${rows.kind[k] === "served" ? "" : "version "}${rows.version[k]} · `,
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
