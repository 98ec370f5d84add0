// The overview of claims: the forest plot and the table, filtered together.

const FILTERS = ["study", "tier", "model", "verdict", "run"];

const SHARED = ["percentage points", "percent", "times"];

function startClaims() {
  for (const name of FILTERS) {
    filterOf(name)?.addEventListener("change", () => {
      const chosen = FILTERS.filter((one) => filterOf(one)?.value).map((one) => `${one}=${encodeURIComponent(filterOf(one).value)}`);
      showClaims(chosen.join("&"));
      try {
        // In the address, so that the view can be linked to; no step of its own on the way back.
        history.replaceState(null, "", chosen.length ? `#claims/${chosen.join("&")}` : "#claims");
      } catch {
        // A frame that may not change its address: it filters all the same.
      }
    });
  }
}

function filterOf(name) {
  return document.getElementById(`filter-${name}`);
}

let forestDrawn = null;

// Shows the claims that fit, as in "study=qrhead&verdict=REPRODUCED", values encoded.
async function showClaims(chosen = "") {
  const asked = Object.fromEntries(chosen.split("&").map((one) => one.split("=").map(decoded)));
  for (const name of FILTERS) {
    const filter = filterOf(name);
    if (filter) filter.value = [...filter.options].some((one) => one.value === asked[name]) ? asked[name] : "";
  }
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, filterOf(name)?.value || ""]));
  const fits = (of) => FILTERS.every((name) => !wanted[name] || of[name] === wanted[name]);
  let shown = 0;
  for (const row of document.querySelectorAll("#claims-table tbody tr")) {
    row.hidden = !fits(row.dataset);
    shown += row.hidden ? 0 : 1;
  }
  fill("claims-shown", `${shown} of ${document.querySelectorAll("#claims-table tbody tr").length} shown`);
  const rows = data.forest.filter((row) => fits({ ...row, verdict: row.verdict_of_claim }));
  const key = JSON.stringify(wanted);
  if (forestDrawn === key) return;
  forestDrawn = key;
  const models = new Set(rows.map((row) => row.model)).size > 1;
  const named = rows.map((row) => ({
    ...row,
    row: [row.label, models && row.model, data.several_runs && row.run].filter(Boolean).join(" · "),
  }));
  if (!named.length) {
    fill("forest", element("p", {}, "Nothing that was measured fits this choice."));
    return;
  }
  // Axes that many share come first.
  const panels = [...new Set([...SHARED.filter((name) => rows.some((row) => row.panel === name)), ...rows.map((row) => row.panel)])];
  const room = document.getElementById("forest").clientWidth;
  await chart("forest", "forest", named, (described) => {
    described.spec.width = Math.max(140, Math.min(760, room - (models || data.several_runs ? 290 : 190)));
    described.facet.row.sort = panels;
    described.facet.row.header.labelLimit = described.spec.width;
    described.spec.encoding.y.axis.labelLimit = room < 500 ? 150 : 260;
  });
}
