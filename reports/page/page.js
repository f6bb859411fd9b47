"use strict";
// Sorts and filters the tables, hides series of the figures, and shows a figure's points as a table. The page is whole
// without it. Everything from the store is set as text, never as markup.
(() => {
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // What a person reads is "1.23 ms", "4 KiB", "42 %": sorted by what it means. Words come after numbers.
  const units = {ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40,
    "%": 1, k: 1024, M: 1048576};
  const value = (text) => {
    const match = /^([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan))\s*([^\s\d]*)$/.exec(text);
    if (!match || (match[2] && !(match[2] in units))) return null;
    const number = match[1].endsWith("inf") ? (match[1][0] === "-" ? -Infinity : Infinity) : Number(match[1]);
    return Number.isNaN(number) ? null : number * (match[2] ? units[match[2]] : 1);
  };
  const collator = new Intl.Collator("en", {numeric: true});
  const compare = (left, right) => {
    const a = value(left), b = value(right);
    if (a !== null && b !== null) return a < b ? -1 : a > b ? 1 : 0;
    if (a !== null || b !== null) return a !== null ? -1 : 1;
    return collator.compare(left, right);
  };

  // The last cell of a row ends in the line's end: its closing tag is left out.
  const textOf = (element) => element.textContent.trim();

  const sort = (table, heads, column) => {
    const head = heads[column];
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [textOf(row.cells[column]), row]);
    // What is empty has no place in an order: last, both ways.
    rows.sort(([a], [b]) => (a === "" || b === "" ? (a === "") - (b === "") : up ? compare(a, b) : compare(b, a)));
    body.append(...rows.map(([, row]) => row));
  };

  // Every word must occur in the row; "verdict=failed" asks that of one column.
  const filter = (table, text, names, count) => {
    const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "").map((word) => {
      const at = word.indexOf("=");
      const column = at > 0 ? names.indexOf(word.slice(0, at)) : -1;
      return column < 0 ? [-1, word] : [column, word.slice(at + 1)];
    });
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = words.every(([column, word]) => column < 0 ? row.textContent.toLowerCase().includes(word)
        : textOf(row.cells[column]).toLowerCase() === word);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
  };

  const upgrade = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.map((head) => head.textContent.toLowerCase().replace(/ \(.*|\s/g, ""));
    heads.forEach((head, column) => {
      const button = make("button", {type: "button", title: "sort"}, ...head.childNodes);
      button.addEventListener("click", () => sort(table, heads, column));
      head.append(button);
    });
    if (table.tBodies[0].rows.length < 6) return;
    const count = make("span", {role: "status"});
    const input = make("input", {type: "search", placeholder: "words, or column=word"});
    input.setAttribute("aria-label", "Filter rows");
    input.addEventListener("input", () => filter(table, input.value, names, count));
    filter(table, "", names, count);
    table.parentElement.before(make("div", {className: "filter"}, input, count));
  };
  document.querySelectorAll(".scroll > table").forEach(upgrade);

  const points = (figure) => {
    const table = make("table", {}, make("thead"), make("tbody"));
    const line = (parent, name, texts) => parent.append(make("tr", {}, ...texts.map((text) => make(name, {textContent: text}))));
    line(table.tHead, "th", ["panel", "series", figure.dataset.x, figure.dataset.y, "95% interval"]);
    for (const panel of figure.querySelectorAll(".panels > div")) {
      for (const point of panel.querySelectorAll(".s title")) {
        const [x, rest] = point.textContent.split(/: (.*)/s);
        const [y, interval] = rest.replace(/\)$/, "").split(" (");
        line(table.tBodies[0], "td", [panel.querySelector("h4").textContent, point.closest(".s").dataset.name, x, y, interval ?? ""]);
      }
    }
    return table;
  };

  for (const figure of document.querySelectorAll("figure")) {
    const buttons = [...figure.querySelectorAll(".legend [data-s]")];
    const show = (button, on) => {
      button.setAttribute("aria-pressed", on);
      for (const series of figure.querySelectorAll(`.panels [data-s="${button.dataset.s}"]`)) series.classList.toggle("off", !on);
    };
    for (const button of buttons)
      button.addEventListener("click", () => show(button, button.getAttribute("aria-pressed") !== "true"));
    for (const [word, on] of buttons.length > 2 ? [["all", true], ["none", false]] : []) {
      const button = make("button", {type: "button", textContent: word});
      button.addEventListener("click", () => buttons.forEach((one) => show(one, on)));
      figure.querySelector(".legend").append(make("li", {className: "all"}, button));
    }
    const source = figure.querySelector(".source");
    if (!source || buttons.length === 0) continue;
    let box = null;
    const button = make("button", {type: "button", textContent: "Show as a table"});
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      if (box === null) {
        const table = points(figure);
        box = make("div", {}, make("div", {className: "scroll", tabIndex: 0, hidden: false}, table));
        box.hidden = true;
        source.after(box);
        upgrade(table);
      }
      box.hidden = !box.hidden;
      button.setAttribute("aria-expanded", String(!box.hidden));
    });
    source.prepend(button);
  }

  // On paper nobody unfolds: what is short is printed, and what a person opened. For a browser without a rule for what is
  // folded (page.css).
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not(.long):not([open])")];
    for (const one of unfolded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of unfolded) one.open = false;
  });

  // A link to what is folded opens it; one with a filter sets that too.
  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (folded) folded.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
  for (const link of document.querySelectorAll("a[data-filter]")) {
    link.addEventListener("click", () => {
      const folded = document.querySelector(link.hash);
      folded.open = true;
      const input = folded.querySelector(".filter input");
      if (!input) return;
      input.value = link.dataset.filter;
      input.dispatchEvent(new Event("input"));
    });
  }
})();
