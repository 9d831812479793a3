// Each table whose column titles are buttons: sorts its groups of rows, each by itself; a third press undoes it.
for (const table of document.querySelectorAll("table.sortable")) {
  const titles = [...table.tHead.rows[0].cells];
  const groups = [...table.tBodies].map((body) => ({ body, rows: [...body.rows].filter((row) => !row.matches(".unit")) }));
  titles.forEach((title, column) => {
    const isNumber = title.matches(".number");
    const order = isNumber ? ["descending", "ascending"] : ["ascending", "descending"];
    const keyOf = (row) => {
      const cell = row.cells[column];
      if (isNumber) return cell?.dataset.key === undefined ? null : Number(cell.dataset.key);
      return cell?.textContent.trim() || null;
    };
    const compare = (a, b) => (isNumber ? a - b : a.localeCompare(b, "en", { numeric: true }));
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const direction = order[order.indexOf(title.ariaSort) + 1];
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      if (direction) title.setAttribute("aria-sort", direction);
      for (const { body, rows } of groups) {
        const sorted = rows.map((row) => [keyOf(row), row]);
        // What is missing comes last, whichever way; equal keys keep the order of the figure.
        if (direction) {
          sorted.sort(([a], [b]) =>
            a === null || b === null ? (a === null) - (b === null) : direction === "ascending" ? compare(a, b) : compare(b, a));
        }
        body.append(...sorted.map(([, row]) => row));
      }
    });
  });
}
