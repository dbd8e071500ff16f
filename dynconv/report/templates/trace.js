// Which table, rows and column a number comes from, for the reader who clicks it, or presses Enter on it.
const box = document.getElementById("trace");

function origin(cell) {
  const table = cell.closest("table");
  const heading = table.tHead?.rows[table.tHead.rows.length - 1].cells[cell.cellIndex];
  const places = [cell, cell.parentElement, heading, table];
  const said = (name) => places.find((place) => place && name in place.dataset)?.dataset[name];
  const keys = (place) => JSON.parse(place?.dataset.where ?? "{}");
  const where = "where" in cell.dataset ? keys(cell) : { ...keys(cell.parentElement), ...keys(heading) };
  return { source: said("source"), column: said("column"), how: said("how"), where, value: cell.dataset.value };
}

function query({ source, column, how, where }) {
  const text = (value) => (typeof value === "string" ? JSON.stringify(value) : value === true ? "True" : value === false ? "False" : String(value));
  const keys = Object.entries(where).map(([key, value]) => `(t[${text(key)}] == ${text(value)})`);
  const rows = keys.length ? `t[${keys.join(" & ")}]` : "t";
  const aggregate = ["mean", "sum", "count", "min", "max", "median"].includes(how) ? `.${how}()` : "";
  return `import pandas\nt = pandas.read_parquet(${text(source)})\n${how === "minus" ? "-" : ""}${rows}[${text(column)}]${aggregate}`;
}

function show(cell) {
  const from = origin(cell);
  if (!from.source || !from.column) return;
  const list = document.createElement("dl");
  const rows = Object.entries(from.where).map(([key, value]) => `${key} = ${value}`).join(", ");
  for (const [term, text] of [["value", from.value], ["table", from.source], ["column", from.column], ["rows", rows || "all"], ["how", from.how === "minus" ? "with its sign turned" : from.how]]) {
    if (!text) continue;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    list.append(dt, dd);
  }
  const code = document.createElement("pre");
  code.textContent = query(from);
  const copy = document.createElement("button");
  copy.type = "button";
  copy.textContent = "Copy code";
  copy.addEventListener("click", () => {
    getSelection().selectAllChildren(code);
    document.execCommand("copy"); // the newer interface is closed to pages that are files
    copy.textContent = "Copied";
  });
  box.replaceChildren(list, code, copy);
  box.showPopover();
  const at = cell.getBoundingClientRect(), own = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - own.width - 8))}px`;
  box.style.top = `${at.bottom + own.height + 8 < innerHeight ? at.bottom + 4 : Math.max(8, at.top - own.height - 4)}px`;
}

const traced = "table[data-source] td[data-value], td[data-source][data-value]";
if ("popover" in HTMLElement.prototype) {
  document.addEventListener("click", (event) => {
    const cell = event.target.closest(traced);
    if (cell) show(cell);
  });
  // One stop of the Tab key a table; from there the arrow keys lead from number to number.
  for (const table of document.querySelectorAll("table[data-source]")) {
    const first = table.querySelector("td[data-value]");
    if (first) first.tabIndex = 0;
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest(traced);
      if (!cell) return;
      if (event.key === "Enter" || event.key === " ") show(cell);
      else if (!step(cell, event.key)) return;
      event.preventDefault();
    });
  }
  box.addEventListener("toggle", (event) => {
    if (event.newState === "closed") document.querySelector("td[tabindex='0']:focus")?.focus();
  });
}

function step(cell, key) {
  const numbers = (row) => [...row.cells].filter((other) => other.matches(traced));
  let next = null;
  if (key === "ArrowRight" || key === "ArrowLeft") {
    const row = numbers(cell.parentElement);
    next = row[row.indexOf(cell) + (key === "ArrowRight" ? 1 : -1)];
  } else if (key === "ArrowDown" || key === "ArrowUp") {
    const rows = [...cell.closest("table").rows].filter((row) => !row.hidden && row.cells[cell.cellIndex]?.matches(traced));
    next = rows[rows.indexOf(cell.parentElement) + (key === "ArrowDown" ? 1 : -1)]?.cells[cell.cellIndex];
  } else return false;
  if (next) {
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
  return true;
}
