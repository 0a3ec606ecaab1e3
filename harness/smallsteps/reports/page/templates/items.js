"use strict";
// The list of items: opens the compressed block of a task, filters, searches and sorts it. Everything from the
// study enters the page as text, never as markup.
(() => {
  const PAGE = 20;
  const study = JSON.parse(document.getElementById("study").textContent);
  const root = document.getElementById("explorer");
  const opened = new Map();
  const state = { task: "", show: "all", a: "", b: "", q: "", sort: "given", item: "", shown: PAGE };
  const FILTERS = [
    ["all", "all items"], ["disagree", "students disagree"], ["differ", "first and second differ"],
    ["won", "first right, second wrong"], ["lost", "first wrong, second right"], ["right", "first right"],
    ["wrong", "first wrong"], ["malformed", "first malformed"], ["unparsed", "first unparsed"],
    ["truncated", "first truncated"], ["nobody", "nobody right"], ["everybody", "everybody right"],
  ];
  const SORTS = [["given", "by item id"], ["disagreement", "most disagreement first"], ["hardest", "hardest first"],
    ["easiest", "easiest first"]];

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children) {
      if (child === null || child === "") continue;
      element.append(child instanceof Node ? child : visible(child));
    }
    return element;
  }

  // controls and direction marks are written out, so that no text changes how its neighbours are shown
  function visible(text) {
    return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }

  async function open(column) {
    if (!opened.has(column)) {
      const place = study.columns.findIndex((one) => one.name === column);
      const holder = document.querySelector(`script[type="application/gzip"][data-column="${place}"]`);
      const bytes = Uint8Array.from(atob(holder.textContent), (c) => c.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const rows = JSON.parse(await new Response(stream).text());
      opened.set(column, rows.map(([task, id, question, gold, plan, answers]) => ({
        task, id, question, gold, plan,
        answers: answers.map(([student, seed, sample, score, status, extracted, response, turns]) =>
          ({ student, seed, sample, score, status, extracted, response, turns })),
      })));
    }
    return opened.get(column);
  }

  // mean score of a student on an item over seeds and samples; null where it was not evaluated
  function score(item, student) {
    const found = item.answers.filter((one) => one.student === student);
    return found.length ? found.reduce((sum, one) => sum + one.score, 0) / found.length : null;
  }
  function scores(item) {
    return study.students.map((_, index) => score(item, index)).filter((value) => value !== null);
  }
  function disagreement(item) {
    const found = scores(item);
    const mean = found.reduce((sum, value) => sum + value, 0) / (found.length || 1);
    return mean * (1 - mean);
  }
  function mean(item) {
    const found = scores(item);
    return found.reduce((sum, value) => sum + value, 0) / (found.length || 1);
  }

  function matches(item) {
    const a = score(item, place(state.a)), b = score(item, place(state.b));
    const status = (name) => item.answers.some((one) => one.student === place(state.a) && one.status === name);
    const tests = {
      all: () => true,
      disagree: () => new Set(scores(item)).size > 1,
      differ: () => a !== null && b !== null && a !== b,
      won: () => a !== null && b !== null && a > b,
      lost: () => a !== null && b !== null && a < b,
      right: () => a === 1,
      wrong: () => a !== null && a < 1,
      malformed: () => status("malformed"), unparsed: () => status("unparsed"), truncated: () => status("truncated"),
      nobody: () => scores(item).every((value) => value === 0),
      everybody: () => scores(item).every((value) => value === 1),
    };
    if (!(tests[state.show] || tests.all)()) return false;
    if (!state.q) return true;
    const wanted = state.q.toLowerCase();
    const texts = [item.id, item.task, item.question, item.gold];
    for (const one of item.answers) texts.push(one.response, one.extracted);
    return texts.some((text) => text !== null && String(text).toLowerCase().includes(wanted));
  }
  function place(name) {
    return study.students.findIndex((one) => one.name === name);
  }
  function sorted(items) {
    const keys = { disagreement: (i) => -disagreement(i), hardest: mean, easiest: (i) => -mean(i) };
    const key = keys[state.sort];
    if (!key) return items;
    return items.map((item) => [key(item), item]).sort((x, y) => x[0] - y[0]).map((pair) => pair[1]);
  }

  function verdict(answer) {
    const word = answer.score === 1 ? "right" : answer.score === 0 ? "wrong" : answer.score.toFixed(2);
    return answer.status === "ok" ? word : `${word}, ${answer.status}`;
  }
  function dialogue(item, answer) {
    const rows = answer.turns.map(([asked, reply], index) => make("tr", null,
      make("td", { class: "left" }, asked || ""), make("td", { class: "left" }, reply || ""),
      make("td", { class: "left soft" }, item.plan[index] || "")));
    for (const asked of item.plan.slice(answer.turns.length)) {
      rows.push(make("tr", null, make("td"), make("td"), make("td", { class: "left soft" }, asked)));
    }
    const head = ["Sub-question", "Reply", "Gold sub-question"].slice(0, item.plan.length ? 3 : 2);
    if (!item.plan.length) rows.forEach((row) => row.lastChild.remove());
    return make("div", { class: "scroll" }, make("table", { class: "dialogue" },
      make("thead", null, make("tr", null, ...head.map((name) => make("th", { scope: "col", class: "left" }, name)))),
      make("tbody", null, ...rows)));
  }
  function one(item, answer) {
    const right = answer.score === 1;
    const parts = [make("p", { class: "verdict-line" },
      make("span", { class: right ? "right" : "wrong" }, `${right ? "✓" : "✗"} ${verdict(answer)}`),
      answer.extracted === null ? "" : ` · answer ${answer.extracted}`,
      answer.seed === null ? "" : ` · seed ${answer.seed}`, answer.sample ? ` · sample ${answer.sample + 1}` : "")];
    if (answer.turns.length) parts.push(dialogue(item, answer));
    else if (answer.response !== null) parts.push(make("pre", null, answer.response));
    return parts;
  }
  function answers(item, index) {
    const found = item.answers.filter((answer) => answer.student === index);
    if (!found.length) return null;
    const box = make("div", { class: "answer" }, make("h5", null, study.students[index].title), ...one(item, found[0]));
    if (found.length > 1) {
      const right = found.filter((answer) => answer.score === 1).length;
      box.append(make("details", null, make("summary", null, `all ${found.length} responses, ${right} right`),
        ...found.slice(1).flatMap((answer) => one(item, answer))));
    }
    return box;
  }
  function card(item) {
    const order = [place(state.a), place(state.b)].filter((index) => index >= 0);
    const rest = study.students.map((_, index) => index).filter((index) => !order.includes(index));
    const link = make("a", { href: address({ ...state, item: item.id }) }, item.id);
    return make("article", { class: "item", id: `item-${item.id}` },
      item.question === null ? null : make("p", { class: "question" }, item.question),
      make("p", { class: "meta" }, `${item.task} · `, link, item.gold === null ? "" : ` · gold answer ${item.gold}`),
      make("div", { class: "answers" }, ...[...order, ...rest].map((index) => answers(item, index)).filter(Boolean)));
  }

  function address(given) {
    const kept = Object.entries({ task: given.task, show: given.show === "all" ? "" : given.show, a: given.a, b: given.b,
      q: given.q, sort: given.sort === "given" ? "" : given.sort, item: given.item }).filter(([, value]) => value);
    return `#items?${new URLSearchParams(kept)}`;
  }
  function select(name, label, options) {
    const box = make("select", { name });
    for (const [value, text] of options) box.append(make("option", { value }, text));
    box.addEventListener("change", () => change({ [name]: box.value, item: "" }));
    return make("label", null, make("span", null, label), box);
  }
  const BOTH = ["differ", "won", "lost"], FIRST = [...BOTH, "right", "wrong", "malformed", "unparsed", "truncated"];
  function complete(items) {  // a filter about the first or second student needs one
    if (!FIRST.includes(state.show) || (state.a && (state.b || !BOTH.includes(state.show)))) return false;
    const here = new Set(items.flatMap((item) => item.answers.map((answer) => answer.student)));
    const names = study.students.map((one) => one.name).filter((_, index) => here.has(index));
    if (!state.a) state.a = names.find((name) => name !== state.b) || "";
    if (BOTH.includes(state.show) && !state.b) state.b = names.find((name) => name !== state.a) || "";
    return true;
  }
  function change(fields) {
    Object.assign(state, fields, { shown: PAGE });
    history.replaceState(null, "", address(state));
    draw();
  }

  const students = study.students.map((one) => [one.name, one.title]);
  const search = make("input", { type: "search", name: "q", placeholder: "words or an item id" });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => change({ q: search.value, item: "" }), 200);
  });
  const form = make("form", { class: "controls", role: "search", "aria-label": "Items" },
    select("task", "Task", study.columns.map((one) => [one.name, `${one.title} (${one.items})`])),
    select("show", "Show", FILTERS), select("a", "First student", [["", "–"], ...students]),
    select("b", "Second student", [["", "–"], ...students]), select("sort", "Order", SORTS),
    make("label", null, make("span", null, "Search"), search));
  form.addEventListener("submit", (event) => event.preventDefault());
  const status = make("p", { class: "aside", role: "status", "aria-live": "polite" });
  const list = make("div");
  const more = make("button", { type: "button", class: "more" }, "Show more");
  more.addEventListener("click", () => { state.shown += PAGE; draw(); });
  root.append(form, status, list, more);

  let latest = 0;
  async function draw() {
    const turn = ++latest;
    const all = await open(state.task);
    if (turn !== latest) return;
    if (complete(all)) history.replaceState(null, "", address(state));
    for (const name of ["task", "show", "a", "b", "sort"]) form.elements[name].value = state[name];
    if (search.value !== state.q) search.value = state.q;
    const chosen = state.item ? all.filter((item) => item.id === state.item) : sorted(all.filter(matches));
    status.textContent = state.item ? "One item. " : `${chosen.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} items`;
    if (state.item) {
      const back = make("a", { href: address({ ...state, item: "" }) }, "Show all");
      status.append(back);
    }
    list.replaceChildren(...chosen.slice(0, state.shown).map(card));
    more.hidden = chosen.length <= state.shown;
  }
  function follow() {
    const [anchor, query] = location.hash.slice(1).split("?");
    if (anchor !== "items" || query === undefined) return;
    const given = new URLSearchParams(query);
    for (const name of ["task", "show", "a", "b", "q", "sort", "item"]) {
      state[name] = given.get(name) || { task: study.columns[0].name, show: "all", sort: "given" }[name] || "";
    }
    if (!study.columns.some((one) => one.name === state.task)) state.task = study.columns[0].name;
    state.shown = PAGE;
    draw().then(() => document.getElementById("items").scrollIntoView());
  }
  if (study.columns.length) {
    state.task = study.columns[0].name;
    window.addEventListener("hashchange", follow);
    const near = new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) { near.disconnect(); if (!latest) draw(); }
    }, { rootMargin: "600px" });
    near.observe(root);
    follow();
  }
})();
