/* Views of a whole board: the table, the Pareto plot, groups; the study's effects and what was refused beside it. */

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
    { key: "model", label: "model", first: 1, value: k => rows.model[k], draw: k => [modelLink(k), rows.note[k] ? small(rows.note[k]) : null, small(rows.date[k], " ", compareButton(k))] },
    { key: "score", ...score(told(name)) },
    ...others.map(one => ({ key: `d-${one.name}`, ...score(one) })),
    { key: "change", label: "change from its base", sub: told(name).label, axis: changeAxis(name), first: -good(name), value: k => cell.change[k], draw: k => changeCell(name, k) },
    { key: "equal", label: "at equal length", sub: `${told(name).label}, extrapolated`, axis: equalAxis(name), first: -good(name), value: k => cell.equal_length[k], draw: k => equalCell(name, k) },
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
    return el("tr", { role: "row", class: board.rows.ranked[k] ? "" : "unranked", "data-place": board.rows.place[k] }, all.map(one => one.key === "model"
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
      el("li", {}, "A rank’s interval counts the submissions that are better, or worse, by paired t tests over templates, guarded against skewness, at 5 % by Holm’s correction over all pairs of the board in one dimension and language. An answer that was not scored counts as the worst there. The comparison of two gives their own paired interval, without that correction."),
      el("li", {}, "The change is against the submission’s own base model on this board, on the same prompts. At equal length, the ranked submissions’ slope of score on length is taken out; for answers of quite another length that is an extrapolation, and where it leaves 0 to 1 nothing is shown."),
      el("li", {}, "A hollow dot is a submission that is listed and not ranked; its flags say why. ", Object.entries(board.flags).map(([kind, what]) => `${kind}: ${what}`).join("; "), "."),
      el("li", {}, "Tiers: ", Object.entries(TIER).map(([tier, what]) => `${tier}: ${what}`).join("; "), "."),
      older ? el("li", {}, `${count(older)} older submissions of the same version of a model are superseded and not listed.`) : null),
    el("p", {}, `Judge: ${board.judge}; prompts ${board.prompts}.`),
    el("ul", { class: "plain" }, board.judge_lines.map(one => el("li", {}, one.trim()))));
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
