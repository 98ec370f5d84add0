// Charts: Vega-Lite descriptions that stand in the page, drawn as SVG with the rows given here.

const charts = JSON.parse(document.getElementById("charts").textContent);

const LOOK = {
  background: "transparent",
  font: "system-ui, sans-serif",
  axis: {
    labelColor: "var(--text)", titleColor: "var(--text)", gridColor: "var(--line)",
    domainColor: "var(--soft)", tickColor: "var(--soft)", labelFontSize: 12, titleFontSize: 12,
    titleFontWeight: "normal",
  },
  legend: { labelColor: "var(--text)", titleColor: "var(--text)", labelFontSize: 12 },
  header: { labelColor: "var(--text)", labelFontSize: 13, labelFontWeight: "bold" },
  view: { stroke: "transparent" },
};

const OPTIONS = {
  actions: false,
  ast: true, // expressions are interpreted: the page's policy forbids code made of text
  defaultStyle: false,
  logLevel: 1, // errors: what it warns of is as it should be
  renderer: "svg",
  tooltip: { disableDefaultStyle: true, theme: "custom" },
};

const drawn = new WeakMap();

// Draws a chart into an element. Where rows are of several data sets they are given by name.
async function chart(target, name, rows, change) {
  const described = structuredClone(charts[name]);
  described.config = LOOK;
  if (Array.isArray(rows)) described.data = { values: rows };
  if (name === "curve" && !rows.some((row) => row.draw)) described.layer.shift(); // a layer of draws
  if (!Array.isArray(rows)) for (const layer of described.layer) layer.data = { values: rows[layer.data.name] };
  if (change) change(described);
  const place = typeof target === "string" ? document.getElementById(target) : target;
  place.classList.add("chart");
  drawn.get(place)?.finalize();
  const made = await vegaEmbed(place, described, OPTIONS);
  drawn.set(place, made);
  return made.view;
}

// A chart of right answers whose points lead to the answers of these cells: by a click, and in the
// table by a button for each.
function curveOf(caption, rows, cells) {
  const found = element("div", { class: "behind" }, element("p", { class: "hint" }, "Choose a point to see the answers behind it."));
  const show = (row) => fill(found, behind(row, cells));
  const columns = [...CURVE_COLUMNS, ["answers", (row) => element("button", { "aria-label": `Answers behind ${named(row)}`, onclick: () => show(row) }, "Show")]];
  const made = figureOf(caption, rows, "curve", columns, null, (view) =>
    view.addEventListener("click", (_, item) => { if (item?.datum?.series && item.mark.marktype === "symbol") show(item.datum); }));
  made.append(found);
  return made;
}

function named(row) {
  return row.heads ? `${row.series.replace(/ heads$/, "")} ${row.heads}${row.draw && `, ${row.draw}`}` : "unablated";
}

// Links to what a point of a curve is the mean of: conditions of cells.
function behind(row, cells) {
  const links = cells.flatMap((cell) => cell.conditions
    .filter((one) => one.kind === row.kind && one.level === row.heads && row.of.includes(one.draw))
    .map((one) => element("li", {}, link(`#answers/${encodeURIComponent(cell.id)}/${encodeURIComponent(one.name)}/${row.heads ? "lost" : "all"}`, `${cell.id}: ${one.name}`), `, ${one.correct} of ${cell.items} right`)));
  return [element("p", { role: "status" }, `Answers behind ${named(row)}:`), element("ul", {}, links)];
}

function figureOf(caption, rows, name, columns, change, then) {
  const place = element("div", {});
  const made = element(
    "figure",
    {},
    place,
    element("figcaption", {}, caption),
    columns && element("details", {}, element("summary", {}, "As a table"),
      table(caption, columns.map(([title]) => title), (Array.isArray(rows) ? rows : rows.ranked).map((row) => columns.map(([, of]) => of(row)))),
    ),
  );
  // Drawn once it has a width.
  made.drawn = new Promise(requestAnimationFrame).then(() => chart(place, name, rows, change)).then((view) => then?.(view));
  return made;
}
