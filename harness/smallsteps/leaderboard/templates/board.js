(function () {
  "use strict";
  var table = document.getElementById("board"), tools = document.getElementById("tools");
  if (!table || !tools) return;
  var body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells), rows = Array.from(body.rows);
  var order = rows.slice(), search = document.getElementById("q"), found = document.getElementById("found");
  var selects = Array.from(tools.querySelectorAll("select[data-filter]"));
  var boxes = Array.from(tools.querySelectorAll("input[data-column]"));
  var shown = boxes.filter(function (b) { return b.checked; }).map(function (b) { return b.dataset.column; }).join(",");
  var texts = rows.map(function (r) { return r.textContent.toLowerCase(); });
  var state = { sort: "", down: false };
  tools.hidden = false;
  document.getElementById("filters").open = window.innerWidth > 740 || /[#&](kind|scheme|size|base|teacher|licence)=/.test(location.hash);
  heads.forEach(function (head, place) {
    var button = document.createElement("button"), small = head.querySelector("small");
    button.type = "button";
    while (head.firstChild && head.firstChild !== small) button.appendChild(head.firstChild);
    head.insertBefore(button, head.firstChild);
    button.addEventListener("click", function () {
      var key = head.dataset.c, first = key !== "rank" && key !== "student";
      state.down = state.sort === key ? !state.down : first;
      state.sort = key;
      apply(true);
    });
  });
  function value(row, place) {
    var text = row.cells[place].dataset.v;
    if (text === undefined || text === "") return null;
    var number = Number(text);
    return isNaN(number) ? text : number;
  }
  function sort() {
    var place = heads.findIndex(function (h) { return h.dataset.c === state.sort; });
    var sorted = order.slice();
    if (place >= 0) {
      sorted = order.map(function (row, i) { return [value(row, place), i, row]; }).sort(function (a, b) {
        if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null) || a[1] - b[1];
        var less = a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
        return (state.down ? -less : less) || a[1] - b[1];
      }).map(function (entry) { return entry[2]; });
    }
    heads.forEach(function (head, i) {
      if (i === place) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    sorted.forEach(function (row) { body.appendChild(row); });
  }
  function filter() {
    var words = search.value.toLowerCase().split(/\s+/).filter(Boolean), count = 0;
    rows.forEach(function (row, i) {
      var keep = words.every(function (word) { return texts[i].indexOf(word) >= 0; }) &&
        selects.every(function (s) { return !s.value || row.getAttribute("data-" + s.dataset.filter) === s.value; });
      row.hidden = !keep;
      count += keep;
    });
    found.textContent = count === rows.length ? rows.length + " rows" : count + " of " + rows.length + " rows";
  }
  function columns() {
    boxes.forEach(function (box) {
      var place = heads.findIndex(function (h) { return h.dataset.c === box.dataset.column; });
      if (place < 0 || heads[place].hidden === !box.checked) return;
      heads[place].hidden = !box.checked;
      rows.forEach(function (row) { row.cells[place].hidden = !box.checked; });
    });
  }
  function link() {
    var parts = new URLSearchParams();
    if (state.sort) parts.set("sort", state.sort + (state.down ? ":down" : ":up"));
    if (search.value) parts.set("q", search.value);
    selects.forEach(function (s) { if (s.value) parts.set(s.dataset.filter, s.value); });
    var now = boxes.filter(function (b) { return b.checked; }).map(function (b) { return b.dataset.column; }).join(",");
    if (now !== shown) parts.set("columns", now);
    return "#" + parts.toString();
  }
  function apply(write) {
    columns(); filter(); sort();
    var hash = link();
    document.getElementById("permalink").setAttribute("href", hash);
    if (write) history.replaceState(null, "", hash === "#" ? location.pathname + location.search : hash);
  }
  function read() {
    var parts = new URLSearchParams(location.hash.slice(1)), sorted = (parts.get("sort") || "").split(":");
    state.sort = heads.some(function (h) { return h.dataset.c === sorted[0]; }) ? sorted[0] : "";
    state.down = sorted[1] === "down";
    search.value = parts.get("q") || "";
    selects.forEach(function (s) {
      var wanted = parts.get(s.dataset.filter) || "";
      s.value = Array.from(s.options).some(function (o) { return o.value === wanted; }) ? wanted : "";
    });
    var list = parts.has("columns") ? parts.get("columns").split(",") : shown.split(",");
    boxes.forEach(function (b) { b.checked = list.indexOf(b.dataset.column) >= 0; });
    apply(false);
  }
  tools.addEventListener("input", function () { apply(true); });
  tools.addEventListener("submit", function (event) { event.preventDefault(); });
  tools.addEventListener("reset", function (event) {
    event.preventDefault();
    history.replaceState(null, "", location.pathname + location.search);
    read();
  });
  window.addEventListener("hashchange", function () {
    if (!location.hash || location.hash.indexOf("=") > 0) read();
  });
  read();
})();
