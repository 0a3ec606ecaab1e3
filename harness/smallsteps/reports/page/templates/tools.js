// Downloads: tables as CSV, Markdown and LaTeX, pictures as SVG and PNG; the sentence of a claim with its link.
(() => {
  function save(name, kind, content) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  function words(cell) {
    const copy = cell.cloneNode(true);
    for (const hidden of copy.querySelectorAll("svg, [aria-hidden]")) hidden.remove();
    for (const small of copy.querySelectorAll("small")) small.prepend(" ");
    return copy.textContent.replace(/\s+/g, " ").trim();
  }
  function rows(table) {
    const seen = (part) => !part.hidden;  // what a reader filtered away or folded is left out
    return [...table.rows].filter(seen).map((row) => [...row.cells].filter(seen).flatMap((cell) =>
      [words(cell), ...Array(cell.colSpan - 1).fill("")]));
  }
  // a spreadsheet runs what begins like a formula: such text is quoted, numbers stay numbers
  function plain(text) {
    const number = text.replace(/\u2212/g, "-");
    const safe = /^[=+@\t\r-]/.test(number) && !/^[+-]?[\d.,]+%?$/.test(number) ? `'${number}` : number;
    return `"${safe.replace(/"/g, '""')}"`;
  }
  const FORMATS = {
    CSV: ["csv", "text/csv", (table) => rows(table).map((row) => row.map(plain).join(",")).join("\r\n") + "\r\n"],
    Markdown: ["md", "text/markdown", (table) => {
      const [head, ...body] = rows(table).map((row) => row.map((text) =>
        text.replace(/[\\`*_[\]|<>~$&]/g, "\\$&")));
      const line = (row) => `| ${row.join(" | ")} |`;
      return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n") + "\n";
    }],
    LaTeX: ["tex", "text/x-tex", (table) => {
      const special = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
      const escaped = (text) => text.replace(/[\\~^]|[&%$#_{}]/g, (c) => special[c] || `\\${c}`)
        .replace(/\u2212/g, "$-$").replace(/\u2013/g, "--").replace(/\u2192/g, "$\\to$").replace(/\u2026/g, "\\dots{}");
      const [head, ...body] = rows(table).map((row) => row.map(escaped).join(" & ") + " \\\\");
      const columns = "l" + "r".repeat(Math.max(0, rows(table)[0].length - 1));
      return `% needs \\usepackage{booktabs}\n\\begin{tabular}{${columns}}\n\\toprule\n${head}\n\\midrule\n${
        body.join("\n")}\n\\bottomrule\n\\end{tabular}\n`;
    }],
  };
  function button(text, label, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  }
  function bar(...buttons) {
    const made = document.createElement("p");
    made.className = "downloads";
    made.append(...buttons);
    return made;
  }
  function drawing(figure) {
    const source = figure.querySelector("svg");
    const box = source.getBoundingClientRect();
    const copy = source.cloneNode(true);
    const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
    // the light colours of a wide page, whatever the window is like
    style.textContent = document.querySelector("style").textContent.replace(/@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g, "");
    copy.prepend(style);
    for (const [name, value] of [["xmlns", "http://www.w3.org/2000/svg"], ["width", box.width + 40],
      ["height", box.height], ["viewBox", `-20 0 ${box.width + 40} ${box.height}`]]) copy.setAttribute(name, value);
    const inner = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    inner.setAttribute("width", box.width);
    inner.setAttribute("height", box.height);
    inner.setAttribute("overflow", "visible");
    inner.append(...copy.childNodes);
    copy.append(inner);
    return [new XMLSerializer().serializeToString(copy), box.width + 40, box.height];
  }
  function png(figure, name) {
    const [text, width, height] = drawing(figure);
    const image = new Image();
    const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    image.addEventListener("load", () => {
      const canvas = document.createElement("canvas");
      canvas.width = width * 2;
      canvas.height = height * 2;
      const context = canvas.getContext("2d");
      context.fillStyle = "#ffffff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => save(`${name}.png`, "image/png", blob));
      URL.revokeObjectURL(address);
    });
    image.src = address;
  }
  for (const table of document.querySelectorAll("table[data-name]")) {
    const name = table.dataset.name;
    const place = table.closest(".scroll") || table;
    place.after(bar(...Object.entries(FORMATS).map(([title, [ending, kind, write]]) =>
      button(title, `Download this table as ${title}`, () => save(`${name}.${ending}`, kind, write(table))))));
  }
  for (const figure of document.querySelectorAll("figure[data-name]")) {
    const name = figure.dataset.name;
    figure.append(bar(
      button("SVG", "Download this picture as SVG", () => save(`${name}.svg`, "image/svg+xml", drawing(figure)[0])),
      button("PNG", "Download this picture as PNG", () => png(figure, name))));
  }
  for (const says of document.querySelectorAll(".says")) {
    const row = says.closest("tr").previousElementSibling;
    const copy = button("Copy", "Copy this sentence and its link", async () => {
      const address = `${location.href.split("#")[0]}#${row.id}`;
      await navigator.clipboard.writeText(`${says.textContent} ${address}`);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
    copy.className = "copy";
    says.after(" ", copy);
  }
})();
