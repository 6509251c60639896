/* The views by name, the page's head, and the start: last, once everything is declared. */

// ---- start

const VIEWS = {
  table: ["Table", tableView], plot: ["Pareto plot", plotView], compare: ["Compare two", compareView], groups: ["Groups", groupsView],
  study: ["Published effects", studyView], refused: ["Refused", refusedView], model: [null, modelView],
};
const STAMPS = { demonstration: "Demonstration", unverified: "Unverified judge" };
const BOARDLESS = ["study", "refused"];
let turn = 0;

function header(key) {
  const listed = INDEX.boards.find(one => one.key === key), stamp = byId("stamp");
  stamp.hidden = !(listed?.standing in STAMPS);
  stamp.textContent = STAMPS[listed?.standing] ?? "";
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
