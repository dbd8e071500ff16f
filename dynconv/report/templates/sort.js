"use strict";
// Click a column's heading to sort each group of rows by it; without scripts the tables keep the report's order.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const ascending = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      for (const body of table.tBodies) sort(body, column, ascending);
    });
  });
}

function sort(body, column, ascending) {
  const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
  const numeric = rows.some((row) => "value" in row.cells[column].dataset);
  const key = (row) => {
    const cell = row.cells[column];
    if (!numeric) return cell.textContent.trim();
    return "value" in cell.dataset ? Number(cell.dataset.value) : null;
  };
  const compare = (a, b) => (numeric ? a - b : a.localeCompare(b));
  rows.sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return (a === null) - (b === null); // what is not known comes last, either way
    return ascending ? compare(a, b) : compare(b, a);
  });
  body.append(...rows);
}
