// A box above each longer table that keeps the rows with all of its words; without scripts all rows are there.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.classList.contains("group"));
  if (rows.length < 12 || table.id === "answer-table") continue;
  const label = document.createElement("label");
  label.className = "filter";
  const input = document.createElement("input");
  input.type = "search";
  const count = document.createElement("span");
  count.setAttribute("role", "status");
  label.append("Filter rows", input, count);
  table.closest(".scroll").before(label);
  let words = null; // the rows' texts, read once
  input.addEventListener("input", () => {
    words ??= new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !wanted.every((word) => words.get(row).includes(word));
      shown += !row.hidden;
    }
    count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
  });
}
