// Which view is shown, by the address behind "#": every view can be linked to and gone back to.

const VIEWS = ["claims", "claim", "answers", "answer", "heads", "exp10", "about"];

async function showView() {
  const [view, ...rest] = location.hash.slice(1).split("/").map(decoded);
  const chosen = VIEWS.includes(view) ? view : "claims";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== `view-${chosen}`;
  for (const item of document.querySelectorAll("nav a")) {
    const of = item.hash.slice(1);
    if (of === chosen || of === `${chosen}s`) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  if (chosen === "claims") await showClaims();
  if (chosen === "claim") showClaim(rest[0]);
  if (chosen === "answers") await showAnswers(...rest);
  if (chosen === "answer") await showAnswer(...rest);
  if (chosen === "heads") await showHeads(rest[0]);
  if (chosen === "exp10") showSweeps();
  window.scrollTo(0, 0);
  // Whoever follows a link goes on reading there; a page that opens begins at its beginning.
  if (document.body.dataset.shown) document.querySelector(`#view-${chosen} h3[tabindex], #view-${chosen} article:not([hidden]) h2, #view-${chosen} h2`)?.focus({ preventScroll: true });
  document.body.dataset.shown = location.hash || "#claims";
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const curvesDrawn = new Set();

function showClaim(name) {
  for (const article of document.querySelectorAll("#view-claim > article")) {
    article.hidden = article.id !== `claim-${name}`;
    const place = article.querySelector(".curves");
    if (!article.hidden && place && !curvesDrawn.has(name)) {
      curvesDrawn.add(name);
      fill(place, data.pooled.map((one) => figureOf(`Right answers of all ${one.cells} cells of ${one.tokens} tokens, by number of heads ablated; 95% intervals over companies. Thin lines are single draws of random heads, the thick one the mean of those drawn at every level.`, one.curve, "curve", CURVE_COLUMNS)),
        data.cells.length > 1 ? element("details", { ontoggle: drawCells }, element("summary", {}, "Every cell"), element("div", { class: "grid" })) : null);
    }
  }
}

function drawCells(event) {
  const place = event.target.querySelector(".grid");
  if (!event.target.open || place.childElementCount) return;
  fill(place, data.cells.map((cell) => element("div", {},
    element("h4", {}, link(`#answers/${encodeURIComponent(cell.id)}`, cell.id)),
    figureOf(`${cell.asked}`, cell.curve, "curve", null))));
}

function copyCommand(event) {
  const text = document.getElementById("command").textContent;
  navigator.clipboard.writeText(text).then(() => { event.target.textContent = "Copied"; },
    () => { getSelection().selectAllChildren(document.getElementById("command")); event.target.textContent = "Selected: copy it"; });
}

startClaims();
document.getElementById("copy")?.addEventListener("click", copyCommand);
addEventListener("hashchange", showView);
showView();
