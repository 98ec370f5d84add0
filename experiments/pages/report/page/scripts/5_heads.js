// Heads: a figure of each by layer, and what is known of one.

let map = 0;

async function showHeads(current, name) {
  const { maps, names } = data.heads;
  if (!maps || !maps.length) return;
  const shown = maps[map];
  fill("heads-choice",
    choose("Figure", maps.map((one, n) => [String(n), one.name]), String(map), (value) => { map = Number(value); showView(null, true); }),
    // The map answers to a mouse only.
    choose("Head", ["", ...names].map((one) => [one, one]), names.includes(name) ? name : "", (value) => { location.hash = `#heads/${value}`; }));
  const size = Math.max(...shown.values.map(Math.abs)) || 1;
  // A score has a ranking; of a change its size counts.
  const sized = [...shown.values.keys()].sort((a, b) => Math.abs(shown.values[b]) - Math.abs(shown.values[a]));
  const ranked = new Set(shown.ranking || []);
  const ordered = [...ranked, ...sized.filter((head) => !ranked.has(head))];
  fill("heads-scale", scaleOf(shown, size));
  const effects = await effectsOfHeads();
  if (!current()) return;
  const rows = names.map((head, n) => {
    const [layer, number] = head.slice(1).split("H").map(Number);
    return { name: head, layer, head: number, rank: rankOf(shown, n), step: stepOf(shown.values[n] / size, shown.even), shown: `${figure(shown.values[n])}${shown.unit}`, ablated: effects[n] };
  });
  const target = document.getElementById("heads-map");
  target.classList.toggle("many", Math.max(...rows.map((row) => row.head)) >= 16);
  const view = await chart(target, "map", rows);
  if (!current()) return;
  view.addEventListener("click", (_, item) => { if (item?.datum?.name) location.hash = `#heads/${item.datum.name}`; });
  fill("heads-largest", table(`The first 20 heads: ${shown.name}`, ["head", "figure", "rank"],
    ordered.slice(0, 20).map((n) => [link(`#heads/${names[n]}`, names[n]), `${figure(shown.values[n])}${shown.unit}`, rankOf(shown, n)])));
  if (names.includes(name)) await showHead(current, name);
  else fill("head", element("p", { class: "hint" }, "Choose a head, in the map or in the table, to see which conditions ablate it and what that did."));
}

let effects = null;

// For each head how many conditions ablate it, and under which of them fewest answers are right.
async function effectsOfHeads() {
  if (effects) return effects;
  const found = data.heads.names.map(() => ({ conditions: 0, share: 2, told: "" }));
  for (const cell of data.cells) {
    const held = await part(cell.part);
    cell.conditions.forEach((condition, place) => {
      const { all, by_item: own } = held.heads[place];
      for (const n of all || new Set(own.flat())) {
        const share = condition.correct / cell.items;
        found[n].conditions += 1;
        if (share < found[n].share) Object.assign(found[n], { share, told: `${condition.correct} of ${cell.items} right with ${condition.name} (${cell.id})` });
      }
    });
  }
  effects = found.map((one) => visible(one.conditions ? `in ${one.conditions} condition${one.conditions > 1 ? "s" : ""}; at worst ${one.told}` : "in none"));
  return effects;
}

// As the method ranks, or by the size of the figure: heads that are alike share a rank.
function rankOf({ values, ranking }, n) {
  const before = ranking ? ranking.indexOf(n) : values.filter((value) => Math.abs(value) > Math.abs(values[n])).length;
  return before < 0 ? "not found" : String(before + 1);
}

// Seven steps: below nothing, nothing, and five of the figure, or of its root.
function stepOf(share, even) {
  if (share < -0.02) return 0;
  return share < 0.02 ? 1 : 1 + Math.max(1, Math.ceil(5 * (even ? share : Math.sqrt(share)) - 1e-9));
}

// What the colours of a map stand for, from the smallest figure to the largest.
function scaleOf({ values, unit, even }, size) {
  const told = (value) => `${figure(value)}${unit}`;
  const named = [
    `below ${told(-0.02 * size)}`,
    values.some((value) => value && Math.abs(value) < 0.02 * size) ? "about 0" : "0",
    ...[1, 2, 3, 4, 5].map((step) => `to ${told(size * (step / 5) ** (even ? 1 : 2))}`),
  ];
  const least = Math.min(...values) / size < -0.02 ? 0 : 1; // no colour that no head has
  return named.slice(least).map((text, n) => element("li", {}, element("span", { class: `step step${n + least}` }), text));
}

async function showHead(current, name) {
  const n = data.heads.names.indexOf(name);
  const figures = data.heads.maps.map((one) => [one.name, `${figure(one.values[n])}${one.unit}`, rankOf(one, n)]);
  const ablated = [];
  for (const cell of data.cells) {
    const held = await part(cell.part);
    if (!current()) return;
    cell.conditions.forEach((condition, place) => {
      const { all, by_item: own } = held.heads[place];
      const items = own ? own.filter((of) => of.includes(n)).length : all.includes(n) ? cell.items : 0;
      if (items) ablated.push([
        link(`#answers/${encodeURIComponent(cell.id)}/${encodeURIComponent(condition.name)}/lost`, `${cell.id}: ${condition.name}`),
        own ? `of ${items} of ${cell.items} items` : "of every item",
        `${condition.correct} of ${cell.items}`,
        `${cell.conditions[0].correct} of ${cell.items}`,
      ]);
    });
  }
  fill("head",
    element("h3", { tabindex: "-1" }, `Head ${name}`),
    table(`Figures of ${name}`, ["figure", name, "rank"], figures),
    ablated.length ? table(`Conditions that ablate ${name}`, ["condition", "ablates it in the prompt", "right answers", "right unablated"], ablated) : element("p", {}, "No condition of these cells ablates it."));
}
