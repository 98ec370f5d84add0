// Which view is shown, by the address behind "#": every view can be linked to and gone back to.

const VIEWS = ["claims", "claim", "answers", "answer", "heads", "exp10", "about"];

let shows = 0;

// Shows what the address says; "again" is the same view after a choice in it.
async function showView(_, again = false) {
  const mine = (shows += 1);
  const current = () => mine === shows; // parts take a while to unpack, and readers are fast
  const kept = document.activeElement?.dataset?.keep;
  const [first, ...encoded] = location.hash.slice(1).split("/");
  const [view, ...rest] = [first, ...encoded].map(decoded);
  const chosen = VIEWS.includes(view) ? view : "claims";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== `view-${chosen}`;
  for (const item of document.querySelectorAll("nav a")) {
    const of = item.hash.slice(1);
    if (of === chosen || of === `${chosen}s`) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  if (!again) shownItems = PAGE;
  let begins;
  try {
    if (chosen === "claims") await showClaims(encoded[0]);
    if (chosen === "claim") showClaim(rest[0]);
    if (chosen === "answers") await showAnswers(current, ...rest);
    if (chosen === "answer") await showAnswer(current, ...rest);
    if (chosen === "heads") await showHeads(current, rest[0]);
    if (chosen === "exp10") begins = showSweeps(rest[0], rest[1]);
  } catch (error) {
    document.getElementById(`view-${chosen}`).append(element("p", { role: "alert" }, `This part of the file cannot be read: ${error.message}. It is cut off or edited.`));
  }
  if (!current()) return;
  const replaced = kept && document.querySelector(`#view-${chosen} [data-keep="${kept}"]`);
  if (replaced) replaced.focus();
  else if (!again) {
    if (begins) {
      // Charts above it take their place once they are drawn; who has gone on by then is left there.
      let gone = false;
      for (const act of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(act, () => { gone = true; }, { once: true, passive: true });
      begins.scrollIntoView();
      const figures = [...document.querySelectorAll(`#view-${chosen} figure`)];
      Promise.all(figures.map((one) => one.drawn)).then(() => current() && !gone && begins.scrollIntoView());
    } else window.scrollTo(0, 0);
    // Whoever follows a link goes on reading there; a page that opens begins at its beginning.
    if (document.body.dataset.shown) (begins || document.querySelector(`#view-${chosen} h3[tabindex], #view-${chosen} article:not([hidden]) h2, #view-${chosen} h2`))?.focus({ preventScroll: true });
  }
  document.title = visible([...(chosen === "claims" ? [] : rest), chosen, "headclaims"].join(" · "));
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

function captionOf(one) {
  const thin = one.curve.some((row) => row.draw)
    ? " Thin lines are single draws of random heads; the thick line is the mean of the draws that have every level: of uniform ones the first alone." : "";
  const left = one.left_out.length
    ? ` Left out, as in verdicts, where fewer than ${one.floor}% are right unablated: ${one.left_out.join(", ")}.` : "";
  return `Right answers of ${one.left_out.length ? "" : "all "}${one.cells.length} cells of ${one.tokens} tokens by number of heads ablated, with 95% intervals over companies; top heads by ${data.method}; from ${data.where}.${left}${thin}`;
}

function showClaim(name) {
  document.getElementById("no-claim").hidden = Boolean(document.getElementById(`claim-${name}`));
  for (const article of document.querySelectorAll("#view-claim > article")) {
    article.hidden = article.id !== `claim-${name}`;
    const place = article.querySelector(".curves");
    if (!article.hidden && place && !curvesDrawn.has(name)) {
      curvesDrawn.add(name);
      fill(place, data.pooled.map((one) => curveOf(captionOf(one), one.curve, data.cells.filter((cell) => one.cells.includes(cell.id)))),
        data.cells.length > 1 ? element("details", { ontoggle: drawCells }, element("summary", {}, "Every cell"), element("div", { class: "grid" })) : null);
    }
  }
}

function drawCells(event) {
  const place = event.target.querySelector(".grid");
  if (!event.target.open || place.childElementCount) return;
  fill(place, data.cells.map((cell) => element("div", {},
    element("h4", {}, link(`#answers/${encodeURIComponent(cell.id)}`, cell.id)),
    curveOf(`${cell.asked}`, cell.curve, [cell]))));
}

// The command, and as a shell's comment where in the file that it writes one was.
async function copyView() {
  const file = location.pathname.split("/").pop();
  const text = `${document.getElementById("command").textContent}  # then open ${decoded(file)}${location.hash}`;
  fill("copied", visible(text));
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(document.getElementById("copied")); // a browser that lets no page copy
  }
}

// No view: the address stays that of the one that is read.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

startClaims();
document.querySelector(".skip").addEventListener("click", skip);
document.getElementById("copy")?.addEventListener("click", copyView);
addEventListener("hashchange", () => showView());
showView();
