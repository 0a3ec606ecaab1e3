// All items of a benchmark: opens the compressed block, filters, searches and sorts. Everything enters the page as text.
(() => {
  "use strict";
  const PAGE = 50, MANY = 12;
  const root = document.getElementById("item-list"), holder = document.getElementById("item-block");
  if (!root || !holder) return;
  const SHOW = [["all", "all items"], ["apart", "students differ"], ["nobody", "nobody right"],
    ["everybody", "everybody right"], ["right", "the student right"], ["wrong", "the student wrong"]];
  const SORT = [["given", "as in the benchmark"], ["hardest", "hardest first"], ["easiest", "easiest first"],
    ["apart", "most disagreement first"]];
  const state = { show: "all", student: "", q: "", sort: "given", item: "", shown: PAGE };
  let data = null;

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    element.append(...children.map((child) => child instanceof Node ? child : visible(child)));
    return element;
  }
  function visible(text) {
    return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }
  async function open() {
    if (data) return data;
    const bytes = Uint8Array.from(atob(holder.textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const { students, items } = JSON.parse(await new Response(stream).text());
    data = { students, items: items.map(([key, question, gold, digits]) => {
      const scores = Array.from(digits, (d) => Number(d) / 9);
      const mean = scores.reduce((sum, one) => sum + one, 0) / scores.length;
      return { key, question, gold, scores, mean, text: `${key} ${question} ${gold}`.toLowerCase() };
    }) };
    return data;
  }
  function place() {
    return data.students.findIndex(([entry]) => entry === state.student);
  }
  function matches(item) {
    if (state.item) return item.key === state.item;
    const at = place(), mine = at < 0 ? null : item.scores[at];
    const kept = { apart: item.scores.some((one) => one !== item.scores[0]), nobody: item.mean === 0,
      everybody: item.scores.every((one) => one === 1), right: mine === 1, wrong: mine !== null && mine < 1 }[state.show];
    return kept !== false && (!state.q || item.text.includes(state.q.toLowerCase()));
  }
  function sorted(items) {
    const key = { hardest: (i) => i.mean, easiest: (i) => -i.mean, apart: (i) => -i.mean * (1 - i.mean) }[state.sort];
    return key ? items.slice().sort((a, b) => key(a) - key(b)) : items;
  }
  function sign(score) {
    return score === 1 ? "●" : score === 0 ? "○" : "◐";
  }
  function row(item) {
    const right = item.scores.filter((one) => one === 1).length, shown = columns();
    const link = make("a", { href: address({ ...state, item: item.key }) }, item.key);
    const head = make("th", { scope: "row" }, item.question || link);
    if (item.question) head.append(make("small", {}, link, item.gold ? ` · right answer ${item.gold}` : ""));
    const cells = shown.map((at) => make("td", {}, sign(item.scores[at])));
    if (state.item && data.students.length > MANY) {
      const names = data.students.filter((_, at) => item.scores[at] === 1).map(([, title]) => title);
      cells.push(make("td", { class: "words" }, names.join(", ") || "nobody"));
    }
    return make("tr", {}, head, make("td", {}, `${right} of ${item.scores.length}`), ...cells);
  }
  // the students whose verdicts have a column: all of a few, else the chosen one
  function columns() {
    if (data.students.length <= MANY) return data.students.map((_, at) => at);
    return place() < 0 ? [] : [place()];
  }
  function address(given) {
    const kept = ["show", "student", "q", "sort", "item"].map((name) => [name, given[name]])
      .filter(([name, value]) => value && value !== { show: "all", sort: "given" }[name]);
    return `#items?${new URLSearchParams(kept)}`;
  }
  function draw() {
    for (const name of ["show", "student", "sort", "q"]) if (form.elements[name].value !== state[name]) form.elements[name].value = state[name];
    const found = sorted(data.items.filter(matches));
    status.textContent = `${found.length.toLocaleString("en")} of ${data.items.length.toLocaleString("en")} items. `;
    if (state.item) status.append(make("a", { href: address({ ...state, item: "" }) }, "Show all"));
    const heads = ["Item", "Solved by", ...columns().map((at) => data.students[at][1])];
    if (state.item && data.students.length > MANY) heads.push("Who solves it");
    table.tHead.rows[0].replaceChildren(...heads.map((text, at) =>
      make("th", at ? { scope: "col" } : { scope: "col", class: "left" }, text)));
    table.tBodies[0].replaceChildren(...found.slice(0, state.shown).map(row));
    more.hidden = found.length <= state.shown;
  }
  function change(fields) {
    Object.assign(state, fields, { shown: PAGE });
    history.replaceState(null, "", address(state));
    draw();
  }
  function select(name, label, options) {
    const box = make("select", { name }, ...options.map(([value, text]) => make("option", { value }, text)));
    box.addEventListener("change", () => change({ [name]: box.value, item: "" }));
    return make("label", {}, make("span", {}, label), box);
  }
  const search = make("input", { type: "search", name: "q", placeholder: "words or a key" });
  search.addEventListener("input", () => change({ q: search.value, item: "" }));
  const form = make("form", { class: "controls", role: "search", "aria-label": "Items" });
  form.addEventListener("submit", (event) => event.preventDefault());
  const status = make("p", { class: "aside", role: "status", "aria-live": "polite" });
  const table = make("table", { class: "solves" }, make("caption", { class: "hidden" }, "All items"),
    make("thead", {}, make("tr", {})), make("tbody", {}));
  const more = make("button", { type: "button", class: "more" }, "Show more");
  more.addEventListener("click", () => { state.shown += PAGE; draw(); });
  function follow() {
    const [anchor, query] = location.hash.slice(1).split("?");
    if (anchor !== "items" || query === undefined) return false;
    const given = new URLSearchParams(query);
    const known = { show: SHOW, sort: SORT, student: data.students };
    for (const name of ["show", "student", "q", "sort", "item"]) {
      const wanted = given.get(name) || "";
      state[name] = known[name] && !known[name].some(([value]) => value === wanted) ? "" : wanted;
    }
    state.show = state.show || "all";
    state.sort = state.sort || "given";
    state.shown = PAGE;
    draw();
    document.getElementById("items").scrollIntoView();
    return true;
  }
  async function start() {
    await open();
    form.append(select("show", "Show", SHOW), select("student", "Student", [["", "–"], ...data.students]),
      select("sort", "Order", SORT), make("label", {}, make("span", {}, "Search"), search));
    root.append(form, status, make("div", { class: "scroll", role: "region", "aria-label": "All items", tabindex: "0" }, table), more);
    window.addEventListener("hashchange", follow);
    if (!follow()) draw();
  }
  start();
})();
