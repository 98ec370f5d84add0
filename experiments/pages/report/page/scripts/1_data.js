// The data of the page: what is written in it at once, and parts that are unpacked when asked for.

const data = JSON.parse(document.getElementById("data").textContent);
const parts = new Map();

// A part as a value. Each is unpacked once.
function part(name) {
  if (!parts.has(name)) parts.set(name, unpack(document.getElementById(`part-${name}`).textContent));
  return parts.get(name);
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// An element with attributes and children. Texts become text nodes: whatever a model wrote is shown
// and never run.
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

function link(href, ...children) {
  return element("a", { href }, ...children);
}

// A table with a heading for each column; rows are lists of cells, a cell is a text or elements.
function table(caption, columns, rows) {
  const cells = (row) =>
    row.map((cell, place) => element(place ? "td" : "th", place ? {} : { scope: "row" }, cell));
  return element(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table",
      {},
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, columns.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, cells(row)))),
    ),
  );
}

// Control characters, and those that turn the direction of writing, are shown and not obeyed.
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u206f\ufeff]/g, (letter) =>
    `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

// What somebody else wrote: its direction of writing does not reach beyond it.
function told(text) {
  return element("bdi", {}, visible(text));
}

function figure(value, digits = 3) {
  return value === null || value === undefined ? "" : String(Number(value.toPrecision(digits))).replace("-", "−");
}

function fill(target, ...children) {
  const place = typeof target === "string" ? document.getElementById(target) : target;
  place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return place;
}

function mark(right) {
  return element("span", { class: right ? "right" : "wrong" }, right ? "✓ right" : "✗ wrong");
}
