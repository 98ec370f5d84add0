// Experiment 10: effects of single heads by rank, many heads together, and layers.

let sweepsDrawn = false;

// Draws the sweeps, and gives the heading of the part that is asked for.
function showSweeps(mode, part) {
  if (!sweepsDrawn) drawSweeps();
  const found = [...document.querySelectorAll("#sweeps article")].find((one) => one.dataset.mode === mode);
  const wanted = part ? found?.querySelector(`[data-part="${CSS.escape(part)}"]`) : found?.querySelector("h3");
  document.getElementById("no-sweep").hidden = !mode || Boolean(wanted);
  return wanted;
}

const heading = (part, text) => element("h4", { "data-part": part, tabindex: "-1" }, text);

function drawSweeps() {
  sweepsDrawn = true;
  fill("sweeps", data.sweeps.map((sweep) => element("article", { "data-mode": sweep.mode },
    element("h3", { tabindex: "-1" }, `${sweep.mode} ablation of ${sweep.model}: perplexity ${figure(sweep.ppl, 5)} unablated`),
    element("p", {}, `Of ${sweep.statistics.total} heads ablated alone ${sweep.statistics.abs_below_1pct} change the perplexity by less than 1%, ${sweep.statistics.abs_below_10pct} by less than 10%; ${sweep.statistics.negative} lower it. The largest rise is ${sweep.statistics.max_head}'s, ${sweep.statistics.max === null ? "∞" : figure(100 * sweep.statistics.max)}%. `, link("#heads", "All heads on a map")),
    heading("effects", "Effects by rank"),
    figureOf("Every head's effect by its rank", { ranked: sweep.ranked.map((row) => ({ ...row, href: `#heads/${row.head}` })), fits: sweep.fits }, "ranked",
      [["rank", (row) => String(row.rank)], ["head", (row) => link(`#heads/${row.head}`, row.head)], ["ΔPPL, %", (row) => figure(row.change)]]),
    sweep.curves.length ? together(sweep) : null,
    heading("layers", "Layers"),
    figureOf("Mean effect of the heads of each layer", sweep.layers, "layers",
      [["layer", (row) => String(row.layer)], ["mean ΔPPL, %", (row) => figure(row.mean)], ["share of all effects, %", (row) => figure(row.share)]]),
  )));
}

function together(sweep) {
  const rows = sweep.curves.flatMap((curve) => curve.points.map((point) => ({ ...point, curve: curve.name })));
  const crossings = sweep.curves.flatMap((curve) => curve.crossings.map((one) => [curve.name, `${one.threshold}×`, `${one.first} of ${curve.total}`, `${one.last} of ${curve.total}`]));
  return element("div", {},
    heading("together", "Heads together"),
    figureOf("Perplexity when heads are ablated together, by their share; dotted: 1.1, 1.5 and 2 times", rows, "cumulative",
      [["order", (row) => row.curve], ["heads", (row) => String(row.heads)], ["times the unablated", (row) => figure(row.ratio, 4)]]),
    table("Heads within a threshold: exactly, before the curve first crosses it and before it last does", ["order", "threshold", "first", "last"], crossings));
}
