// The nomogram's page: sends what is entered, shows what the server answers. It works out
// no points and no risk, and keeps nothing: all state is in the fields.

import { readNumber } from "./numbers.js";

const WAIT_MS = 80; // while somebody drags, one question at a time is enough
const PATIENCE_MS = 10000;
const SPOKEN_AFTER_MS = 900; // a screen reader hears the last number, not each

const form = document.getElementById("inputs");
const result = document.getElementById("result");
const spoken = document.getElementById("spoken");
const BEFORE = "cobb_preoperative_deg";
const AFTER = "cobb_postoperative_deg";
const RATIO = "cobb_restoration_ratio_percent";

const boxes = new Map([...form.querySelectorAll("[data-input]")].map((box) => [box.dataset.input, box]));
const number = (box) => box.querySelector("input[type=text]");
const slider = (box) => box.querySelector("input[type=range]");

let waiting = 0;
let speaking = 0;
let running = null;

function entered(box) {
  if (!number(box)) return box.querySelector("input:checked").value || null;
  return readNumber(number(box).value, slider(box).dataset.unit);
}

// What is computed here is the server's, and may lie anywhere.
function isPossible(box) {
  const { readOnly, dataset } = number(box);
  const value = entered(box);
  return readOnly || value === null || (value >= Number(dataset.least) && value <= Number(dataset.most));
}

const isComputed = () => [BEFORE, AFTER].every((name) => entered(boxes.get(name)) !== null);

// What a field shows beside its number. The number counts, the slider follows.
function follow(box) {
  const field = number(box);
  if (!field) return;
  const range = slider(box);
  const value = entered(box);
  const isWrong = !isPossible(box);
  const isUnread = Number.isNaN(value);
  const isEmpty = value === null;
  box.toggleAttribute("data-empty", isEmpty);
  box.toggleAttribute("data-wrong", isWrong);
  field.setAttribute("aria-invalid", isWrong);
  box.querySelector(".unread").hidden = !(isWrong && isUnread);
  box.querySelector(".wrong").hidden = !isWrong;
  const isPlaced = !isEmpty && !isUnread;
  range.value = isPlaced ? value : (Number(range.min) + Number(range.max)) / 2;
  range.setAttribute("aria-valuetext", isPlaced ? `${value} ${range.dataset.unit}` : range.dataset.nothing);
}

// The ratio is the server's to compute once both angles are there.
function settleRatio() {
  const box = boxes.get(RATIO);
  const field = number(box);
  const is = isComputed();
  // Nothing of earlier angles stays until the server has computed it anew.
  if (is || field.readOnly) field.value = "";
  field.readOnly = is;
  slider(box).disabled = is;
  box.querySelector(".clear").disabled = is;
}

function changed(wait = WAIT_MS) {
  settleRatio();
  boxes.forEach(follow);
  result.dataset.state = "waiting";
  running?.abort();
  clearTimeout(waiting);
  clearTimeout(speaking);
  const isWrong = [...boxes.values()].some((box) => box.hasAttribute("data-wrong"));
  if (isWrong) end("invalid");
  else waiting = setTimeout(ask, wait);
}

async function ask() {
  const asked = new AbortController();
  running = asked;
  const late = setTimeout(() => asked.abort("late"), PATIENCE_MS);
  const inputs = {};
  boxes.forEach((box, name) => {
    if (name !== RATIO || !isComputed()) inputs[name] = entered(box);
  });
  const mode = form.elements.mode.value || null;
  try {
    const response = await fetch(form.dataset.score, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model: form.elements.model.value, mode, inputs }),
      cache: "no-store",
      signal: asked.signal,
    });
    if (!response.ok) throw new Error(response.status);
    show(await response.json());
  } catch {
    if (running === asked && (!asked.signal.aborted || asked.signal.reason === "late")) end("failed");
  } finally {
    clearTimeout(late);
  }
}

// Nothing of an earlier answer stays where there is none now.
function end(state) {
  result.dataset.state = state;
  fill({ number: "", sentences: [], standing: "", points: {}, odds: {}, total_points: "" });
  draw({ points: {}, total_points: null, total_points_range: null });
  say(result.querySelector(`[data-when=${state}]`).textContent);
}

function show(answer) {
  result.dataset.state = "ready";
  const isRelative = answer.model.mode === "relative";
  document.querySelectorAll("[data-risk]").forEach((cell) => (cell.hidden = isRelative));
  document.querySelectorAll("[data-drawing]").forEach((figure) => {
    figure.hidden = figure.dataset.drawing !== answer.model.id || figure.dataset.mode !== answer.model.mode;
  });
  const model = result.querySelector("[data-model]");
  const mode = JSON.parse(model.dataset.modes)[answer.model.mode];
  model.textContent = `${answer.model.id} ${answer.model.version}, ${mode}, ${answer.model.digest}`;
  const ratio = answer.inputs[RATIO];
  if (isComputed()) {
    number(boxes.get(RATIO)).value = ratio === null ? "" : Number(ratio.toFixed(1));
    follow(boxes.get(RATIO));
  }
  fill(answer.words);
  draw(answer);
  say([answer.words.number, ...answer.words.sentences].join(". "));
}

function fill(words) {
  document.querySelectorAll("[data-word]").forEach((place) => (place.textContent = words[place.dataset.word] || "–"));
  result.querySelector("[data-list=sentences]").replaceChildren(
    ...words.sentences.map((sentence) => Object.assign(document.createElement("li"), { textContent: sentence })),
  );
  result.querySelectorAll("[data-row]").forEach((row) => {
    const name = row.dataset.row;
    const points = name === "total" ? words.total_points : words.points[name];
    row.querySelector("[data-points]").textContent = points || "–";
    row.querySelector("[data-odds]").textContent = words.odds[name] ?? "–";
  });
}

function say(text) {
  clearTimeout(speaking);
  speaking = setTimeout(() => (spoken.textContent = text.replace(/\s+/g, " ").trim()), SPOKEN_AFTER_MS);
}

// Moves the marks of the drawing that is shown to the server's points.
function draw({ points, total_points: total, total_points_range: span }) {
  document.querySelectorAll("[data-drawing]:not([hidden]) [data-axis]").forEach((axis) => {
    const { left, perPoint } = axis.dataset;
    const width = axis.ownerSVGElement.viewBox.baseVal.width;
    const place = (value) => Math.min(width - 8, Math.max(8, Number(left) + value * Number(perPoint)));
    const isSum = axis.dataset.axis === "total" || axis.dataset.axis === "result";
    const value = isSum ? total : (points[axis.dataset.axis] ?? null);
    const mark = axis.querySelector(".mark");
    mark.setAttribute("visibility", value === null ? "hidden" : "visible");
    if (value !== null) mark.setAttribute("cx", place(value));
    const bar = axis.querySelector(".span");
    const isShown = isSum && span !== null;
    bar.setAttribute("visibility", isShown ? "visible" : "hidden");
    if (isShown) {
      const y = bar.getAttribute("d").match(/^M\S+ (\S+)[hH]/)[1];
      bar.setAttribute("d", `M${place(span[0])} ${y}H${place(span[1])}`);
    }
  });
}

// Dragging along an axis: the place becomes a value of the field, and the field counts.
function drag(event) {
  const axis = event.target.closest("[data-axis]");
  const box = boxes.get(axis.dataset.axis);
  const svg = axis.ownerSVGElement;
  const shown = svg.getBoundingClientRect();
  const x = ((event.clientX - shown.left) / shown.width) * svg.viewBox.baseVal.width;
  const { left, perPoint, zero, perUnit, low, high } = axis.dataset;
  const free = Number(zero) + (x - Number(left)) / Number(perPoint) / Number(perUnit);
  const value = Math.min(Number(high), Math.max(Number(low), free));
  const field = number(box);
  if (field) {
    if (field.readOnly) return;
    const step = Number(slider(box).step);
    field.value = Math.min(Number(high), Math.max(Number(low), Math.round(value / step) * step));
  } else {
    const distance = (radio) => Math.abs(Number(radio.dataset.code) - value);
    [...box.querySelectorAll("[data-code]")].sort((a, b) => distance(a) - distance(b))[0].checked = true;
  }
  changed();
}

function save() {
  const figure = document.querySelector("[data-drawing]:not([hidden])");
  const copy = figure.querySelector("svg").cloneNode(true);
  copy.querySelectorAll(".grip").forEach((grip) => grip.remove());
  const text = new XMLSerializer().serializeToString(copy);
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const link = Object.assign(document.createElement("a"), {
    href: url,
    download: `${figure.dataset.drawing}-${figure.dataset.mode}.svg`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target.type === "range") number(event.target.closest("[data-input]")).value = event.target.value;
  changed();
});
form.addEventListener("reset", () => setTimeout(changed, 0, 0));
form.addEventListener("click", (event) => {
  if (!event.target.matches(".clear")) return;
  const field = number(event.target.closest("[data-input]"));
  field.value = "";
  changed();
  field.focus();
});
document.querySelectorAll(".grip").forEach((grip) => {
  grip.addEventListener("pointerdown", (event) => {
    grip.setPointerCapture(event.pointerId);
    drag(event);
  });
  grip.addEventListener("pointermove", (event) => {
    if (grip.hasPointerCapture(event.pointerId)) drag(event);
  });
});
document.getElementById("print").addEventListener("click", () => window.print());
document.getElementById("export").addEventListener("click", save);

form.hidden = false;
result.hidden = false;
document.querySelector("[data-hint]").hidden = false;
changed(0);
