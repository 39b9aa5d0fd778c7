// The words of a card: Markdown that the server has read into blocks becomes text nodes, and
// no HTML is ever parsed. Only web addresses become links.

export function made(tag, text = "", attributes = {}) {
  const node = Object.assign(document.createElement(tag), attributes);
  node.textContent = text;
  return node;
}

const isWeb = (url) => /^https?:\/\//i.test(url);

export function link(label, url) {
  return isWeb(url) ? made("a", label, { href: url, target: "_blank", rel: "noopener noreferrer" }) : made("span", label);
}

export function drawBlocks(place, blocks) {
  let list = null;
  for (const block of blocks) {
    if (block.kind !== "item") list = null;
    if (block.kind === "item") {
      list ??= place.appendChild(made(/\d/.test(block.marker) ? "ol" : "ul"));
      list.append(line("li", block.lines));
    } else if (block.kind === "table") place.append(table(block));
    else if (block.kind === "rule") place.append(made("hr"));
    else place.append(line({ heading: "h4", quote: "blockquote" }[block.kind] ?? "p", block.lines));
  }
}

function line(tag, lines) {
  const node = made(tag);
  (lines ?? []).forEach((pieces, number) => {
    if (number) node.append(made("br"));
    node.append(...pieces.map(piece));
  });
  return node;
}

function piece({ text, mark, url }) {
  const tag = { bold: "strong", italic: "em", code: "code" }[mark];
  const node = tag ? made(tag, text) : document.createTextNode(text);
  if (!url) return node;
  const around = link("", url);
  around.append(node);
  return around;
}

function table({ rows, align }) {
  const [head, ...rest] = rows;
  const node = made("table");
  const side = (cell, place) => {
    // A date is not to be broken at its hyphens.
    const isWord = /^\S{1,12}$/.test(cell.textContent);
    const classes = [{ ">": "right", "^": "centre" }[align?.[place]], isWord && "word"];
    return Object.assign(cell, { className: classes.filter(Boolean).join(" ") });
  };
  const row = (cells, tag) => {
    const node = made("tr");
    node.append(...cells.map((pieces, place) => side(line(place === 0 && tag === "td" ? "th" : tag, [pieces]), place)));
    node.querySelectorAll("th").forEach((cell) => (cell.scope = tag === "th" ? "col" : "row"));
    return node;
  };
  node.createTHead().append(row(head, "th"));
  node.createTBody().append(...rest.map((cells) => row(cells, "td")));
  const headings = head.flat().map((each) => each.text);
  const wide = made("div", "", { className: "wide", tabIndex: 0, role: "region", ariaLabel: headings.join(", ") });
  wide.append(node);
  return wide;
}
