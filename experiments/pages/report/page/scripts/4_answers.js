// Answers: the items of a cell under a condition, and one item under all of them.

const PAGE = 100;
let shownItems = PAGE;

function cellOf(id) {
  return data.cells.find((cell) => cell.id === id);
}

// A list to choose from; "data-keep" is how it is found again after it was made anew.
function choose(label, options, chosen, change) {
  const select = element("select", { "data-keep": label, onchange: () => change(select.value) },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, visible(text))));
  return element("label", {}, `${label} `, select);
}

// The place of a condition among those of its cell: of the first that ablates, where none is named.
function conditionOf(cell, name) {
  return name ? cell.conditions.findIndex((one) => one.name === name) : Math.min(1, cell.conditions.length - 1);
}

function nothing(place, text) {
  fill(place, element("p", {}, `${text} Choose another above, or in the list of claims.`));
}

const KINDS = [["lost", "lost: right unablated, wrong now"], ["all", "all"], ["won", "won: wrong unablated, right now"], ["wrong", "wrong now"], ["right", "right now"]];

function fitsKind(kind, before, now) {
  if (kind === "lost") return before && !now;
  if (kind === "won") return !before && now;
  return kind === "all" || now === (kind === "right");
}

async function showAnswers(current, id, condition, kind) {
  const cell = id ? cellOf(id) : data.cells[0];
  const place = cell ? conditionOf(cell, condition) : -1;
  const wanted = kind || "all";
  const go = (to) => { location.hash = to; };
  const address = (c, name, k) => `#answers/${encodeURIComponent(c)}/${encodeURIComponent(name)}/${k}`;
  // Not every cell has every condition: then it is shown under its first.
  const toCell = (to) => {
    const other = cellOf(to);
    const known = other.conditions.some((one) => one.name === condition);
    go(address(to, other.conditions[conditionOf(other, known && condition)].name, wanted));
  };
  if (place < 0) {
    nothing("answers-table", `There are no answers of ${id || "any cell"} under ${condition || "any condition"}.`);
    fill("answers-choice", data.cells.length ? choose("Cell", [["", ""], ...data.cells.map((one) => [one.id, one.id])], "", toCell) : null);
    fill("answers-curve");
    return;
  }
  const held = await part(cell.part);
  if (!current()) return;
  const named = cell.conditions[place].name;
  fill(
    "answers-choice",
    choose("Cell", data.cells.map((one) => [one.id, one.id]), cell.id, toCell),
    choose("Ablated", cell.conditions.map((one) => [one.name, `${one.name} (${one.correct} of ${cell.items} right)`]), named, (value) => go(address(cell.id, value, wanted))),
    choose("Answers", KINDS, wanted, (value) => go(address(cell.id, named, value))),
  );
  const rows = held.items
    .map((item, n) => ({ item, n, before: item.right[0] === "1", now: item.right[place] === "1" }))
    .filter((row) => fitsKind(wanted, row.before, row.now));
  const lines = rows.slice(0, shownItems).map(({ item, n, before, now }) => [
    link(`#answer/${encodeURIComponent(cell.id)}/${n}/${encodeURIComponent(named)}`, told(item.company === item.filing ? item.filing : `${item.filing} (${item.company})`)),
    told(item.truth),
    [quoted(held.answers[item.answers[0]]), " ", mark(before)],
    [quoted(held.answers[item.answers[place]]), " ", mark(now)],
    lostAt(cell, item),
  ]);
  fill(
    "answers-table",
    element("p", {}, element("q", {}, told(cell.asked)), ` Prompts of ${cell.tokens} tokens.`),
    element("p", { role: "status" }, `${rows.length} of ${held.items.length} items`),
    lines.length ? table(`Answers with ${named} ablated`, ["item", "truth", "unablated", named, "lost first at"], lines) : null,
    rows.length > shownItems
      ? element("button", { "data-keep": "more", onclick: () => { shownItems += PAGE; showView(null, true); } }, `Show ${Math.min(PAGE, rows.length - shownItems)} more`)
      : null,
  );
  fill("answers-curve", curveOf(`${cell.id}: right answers by number of heads ablated, 95% intervals`, cell.curve, [cell]));
}

const CURVE_COLUMNS = [
  ["ablated", (row) => row.series + (row.draw && `, ${row.draw}`)],
  ["heads", (row) => String(row.heads)],
  ["right, %", (row) => figure(row.right)],
  ["95% interval", (row) => (row.low === null ? "" : `${figure(row.low)} to ${figure(row.high)}`)],
];

function lostAt(cell, item) {
  if (item.right[0] !== "1") return "wrong unablated";
  const levels = cell.conditions
    .map((one, n) => ({ ...one, right: item.right[n] === "1" }))
    .filter((one) => one.kind === "top" && !one.right)
    .map((one) => one.level);
  const first = Math.min(...levels);
  const unknown = cell.lacking.filter((level) => level < first);
  const found = levels.length ? `top ${first}` : "never";
  return unknown.length ? `${found}, without top ${unknown.join(", ")}, which is not stored` : found;
}

// That of all tokens of an answer, as the model gives it.
function probability(percent) {
  if (percent === null) return "not noted";
  return percent < 0.1 ? "below 0.1%" : `${figure(percent)}%`;
}

// What is told by how it looks, for those who listen.
function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

function quoted(text, common = text.length, ends = false) {
  const written = (some) => visible(some).replaceAll("\n", "⏎");
  return element("bdi", { class: "answer" }, written(text.slice(0, common)),
    common < text.length ? [unseen(" parts here: "), element("mark", {}, written(text.slice(common)))]
      : ends ? [unseen(" ends here "), element("mark", {}, "¶")] : null);
}

// How far two answers, by their numbers, agree in whole tokens: of the other's characters.
function agree(held, one, other) {
  const [first, second] = [held.answers[one], held.answers[other]];
  let end = 0;
  while (end < first.length && first[end] === second[end]) end += 1;
  if (end === first.length && end === second.length) return end;
  const ends = new Set(held.ends[one]);
  return Math.max(0, ...held.ends[other].filter((place) => place <= end && ends.has(place)));
}

async function showAnswer(current, id, number, condition) {
  const cell = cellOf(id);
  const n = Number(number);
  const held = cell && (await part(cell.part));
  const item = held && held.items[n];
  if (!item) {
    nothing("answer", "There is no such answer.");
    return;
  }
  const prompts = await part(`${cell.part}-prompts`);
  if (!current()) return;
  const names = data.heads.names;
  const unablated = held.answers[item.answers[0]];
  const lines = cell.conditions.map((one, place) => {
    const answer = held.answers[item.answers[place]];
    const heads = held.heads[place];
    const ablated = (heads.all || heads.by_item[n]).map((head) => names[head]);
    return [
      one.name === condition ? element("strong", {}, one.name) : one.name,
      [quoted(answer, place ? agree(held, item.answers[0], item.answers[place]) : answer.length, answer !== unablated), " ", mark(item.right[place] === "1")],
      probability(item.sure[place]),
      ablated.length ? element("details", {}, element("summary", {}, `${ablated.length} heads`),
        ablated.map((name) => [link(`#heads/${name}`, name), " "])) : "none",
    ];
  });
  const next = (to, text) => held.items[to] ? link(`#answer/${encodeURIComponent(cell.id)}/${to}/${encodeURIComponent(condition || "")}`, text) : element("span", {}, text);
  fill(
    "answer",
    element("p", {}, link(`#answers/${encodeURIComponent(cell.id)}/${encodeURIComponent(condition || "")}/all`, `All answers of ${cell.id}`), " · ", next(n - 1, "previous"), " · ", next(n + 1, "next")),
    element("h3", { tabindex: "-1" }, told(item.filing), `: ${cell.question}`),
    element("dl", {},
      element("dt", {}, "Asked"), element("dd", {}, told(cell.asked)),
      element("dt", {}, "Truth"), element("dd", {}, told(item.truth)),
      element("dt", {}, "Answer unablated"), element("dd", {}, quoted(unablated), " ", mark(item.right[0] === "1")),
      element("dt", {}, "How sure the model was of it"), element("dd", {}, probability(item.sure[0])),
      element("dt", {}, "Lost first at"), element("dd", {}, lostAt(cell, item))),
    element("p", { class: "hint" }, "Marked is where an answer parts from the unablated one, from the token (of its text) in which it does; ¶ where it ends before it. Probability: that which the model gives the whole answer, token by token, its end included."),
    table(`Answers about ${visible(item.filing)} under every condition`, ["ablated", "answer", "probability", "heads"], lines),
    element("h4", {}, "Prompt"),
    promptOf(prompts, n),
  );
}

// Characters of a haystack from which on its middle is folded.
const FOLDED = 360;

function promptOf(prompts, n) {
  const pieces = prompts.prompts[n].map(([name, text]) => [name, typeof text === "string" ? text : prompts.shared.slice(text[0], text[0] + text[1])]);
  const kinds = [...new Set(pieces.map(([name]) => name))];
  return element("div", {},
    element("p", { class: "legend" }, kinds.map((name) => [element("span", { class: `piece ${name}` }, name), " "])),
    element("div", { class: "prompt" }, pieces.map(([name, text]) => [unseen(`${name}: `), piece(name, text)])));
}

function piece(name, text) {
  const made = element("span", { class: `piece ${name}` });
  if (name !== "haystack" || text.length <= FOLDED) return fill(made, visible(text));
  const ends = FOLDED / 2;
  const folded = `… ${(text.length - 2 * ends).toLocaleString("en")} more characters …`;
  const whole = element("button", { onclick: () => fill(made, visible(text)) }, folded);
  return fill(made, visible(text.slice(0, ends)), whole, element("span", { class: "on-paper" }, folded), visible(text.slice(-ends)));
}
