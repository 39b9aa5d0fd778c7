// The forms of the SMART app: what is asked and its limits stand in the page, as the
// Questionnaires say. Works out nothing and keeps nothing: all state is in the fields.

import { readNumber } from "./numbers.js";

const WAIT_MS = 120;
const PATIENCE_MS = 10000;
const SAVING_PATIENCE_MS = 40000;
const SPOKEN_AFTER_MS = 900; // a screen reader hears the last number, not each

const form = document.getElementById("form");
const result = document.getElementById("result");
const account = document.getElementById("account");
const items = new Map([...document.querySelectorAll("[data-item]")].map((box) => [box.dataset.item, box]));
const field = (box) => box.querySelector("select, input:not([type=radio])");
const AREAS = ["cement-area", "vertebra-area"];
const RATIO = "cement-ratio-ap";

// Statuses with which the service says that it has begun nothing. Any other, of whatever
// stands between, leaves open what became of it.
const NOTHING_SAVED = [400, 403, 413, 415, 429];

let waiting = 0;
let speaking = 0;
let running = null;
let isTouched = false;
let isSaved = false;
let isTold = false; // an account of a save stands there: nothing takes its place

const words = form ? JSON.parse(form.dataset.words) : {};
const put = (how, parts) => words[how].replace(/\{(\w+)\}/g, (_, name) => parts[name]);
const pair = (label, said) => put("pair", { label, said });

function answer(box) {
  if (box.hasAttribute("data-computed") || box.hidden) return null;
  const control = field(box);
  if (!control) {
    const value = box.querySelector("input:checked")?.value || null;
    return box.dataset.kind === "boolean" && value ? value === "true" : value;
  }
  if (control.readOnly || control.value === "") return null;
  return box.dataset.kind === "decimal" ? readNumber(control.value, box.dataset.unit) : control.value;
}

function answers() {
  return Object.fromEntries([...items].map(([name, box]) => [name, answer(box)]).filter(([, said]) => said !== null));
}

// What depends on another answer is asked only with it.
function settle() {
  document.querySelectorAll("[data-asked-by]").forEach((box) => {
    const other = items.get(box.dataset.askedBy);
    const said = other && !other.closest("[hidden]") ? answer(other) : null;
    box.hidden = said === null || (box.dataset.is !== "" && String(said) !== box.dataset.is);
  });
  const ratio = items.get(RATIO);
  if (!ratio || !field(ratio)) return;
  const is = AREAS.every((name) => items.has(name) && answer(items.get(name)) !== null);
  // Nothing of earlier areas stays until the service has computed it anew.
  if (is || field(ratio).readOnly) field(ratio).value = "";
  field(ratio).readOnly = is;
}

const isAsked = (box) => !box.closest("[hidden]");

// A number within its limits; of a day the browser knows.
function isPossible(box, control) {
  if (box.dataset.kind !== "decimal") return control.validity.valid;
  const said = answer(box);
  const { least = -Infinity, most = Infinity } = control.dataset;
  return said === null || (said >= Number(least) && said <= Number(most));
}

// Marks what is impossible while it is typed; what is lacking only when it is saved.
function mark(box, isSaving = false) {
  const control = field(box);
  const isWrong = Boolean(control) && isAsked(box) && !isPossible(box, control);
  const isLacking = isSaving && isAsked(box) && box.hasAttribute("data-required") && answer(box) === null && !isWrong;
  box.toggleAttribute("data-wrong", isWrong || isLacking);
  control?.setAttribute("aria-invalid", isWrong || isLacking);
  const isUnread = isWrong && Number.isNaN(answer(box));
  for (const [name, is] of [["unread", isUnread], ["wrong", isWrong], ["lacking", isLacking]]) {
    const text = box.querySelector(`.${name}`);
    if (!text) continue;
    text.hidden = !is;
    text.textContent = text.dataset.own ?? text.textContent;
  }
  return !(isWrong || isLacking);
}

const check = (isSaving) => [...items.values()].filter((box) => !mark(box, isSaving));

function changed(pause = WAIT_MS) {
  settle();
  const isWrong = check(false).length > 0;
  list();
  running?.abort();
  clearTimeout(waiting);
  if (!result) return;
  wait();
  if (isWrong) end("invalid");
  else waiting = setTimeout(assess, pause);
}

// What was worked out of other values is off the screen until the new one is there.
function wait() {
  result.dataset.state = "waiting";
  result.setAttribute("aria-busy", "true");
  blank();
}

const blank = () => document.querySelectorAll("[data-computed] output").forEach((output) => (output.textContent = "–"));

function settled(state) {
  result.dataset.state = state;
  result.setAttribute("aria-busy", "false");
}

// A number as it was understood; an angle in the sign in which the hospital writes it.
function written(box, control) {
  if (box.dataset.kind !== "decimal") return control.value;
  const said = control.readOnly ? Number(control.value) : answer(box);
  return String(box.hasAttribute("data-negated") && said ? -said : said);
}

// What will be written, or is to be typed by hand.
function list() {
  const place = document.querySelector("[data-entered]");
  const lines = [...items.values()]
    .filter((box) => isAsked(box) && (answer(box) !== null || (field(box)?.readOnly && field(box).value)))
    .filter((box) => !box.hasAttribute("data-wrong"))
    .map((box) => {
      const asked = box.querySelector("label, legend").textContent.trim().replace(/[?？]$/, "");
      // Two items may be called "date of the film": which film is said above them.
      const label = box.dataset.kind === "date" ? `${box.closest("section").querySelector("h2").textContent} – ${asked}` : asked;
      const control = field(box);
      const said = control
        ? (control.selectedOptions?.[0].textContent ?? written(box, control))
        : box.querySelector("input:checked").parentElement.textContent.trim();
      const isTime = control?.type === "datetime-local";
      return element("li", pair(label, isTime ? said.replace("T", " ") : said));
    });
  place.replaceChildren(...lines);
}

async function send(url, body, patience, signal) {
  const signals = [AbortSignal.timeout(patience), ...(signal ? [signal] : [])];
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": form.dataset.csrf },
    body: JSON.stringify(body),
    cache: "no-store",
    signal: AbortSignal.any(signals),
  });
  return [response.status, await response.json()];
}

async function assess() {
  const asked = new AbortController();
  running = asked;
  try {
    const known = JSON.parse(form.dataset.known);
    const [status, said] = await send(form.dataset.assess, { answers: answers(), known }, PATIENCE_MS, asked.signal);
    if (running !== asked) return;
    if (status === 200) show(said);
    else if (said.refused) {
      if (!isTold) refuse(said.words, false);
      end("failed");
    } else if (blame(said)) end("invalid");
    else end(status === 400 ? "unscored" : "failed");
  } catch {
    if (running === asked && !asked.signal.aborted) end("failed");
  }
}

// The service names the item that it refuses; a text that is none of ours is not shown.
function blame(outcome) {
  const told = outcome.issue?.[0]?.details?.text ?? "";
  const [, name, why] = told.match(/answers\.([\w-]+): (.*)/s) ?? [];
  const box = items.get(name);
  if (!box) return false;
  const place = box.querySelector(".wrong");
  box.toggleAttribute("data-wrong", true);
  field(box)?.setAttribute("aria-invalid", "true");
  const text = put("sentence", { text: `${why[0].toUpperCase()}${why.slice(1)}` });
  if (place) place.dataset.own ??= place.textContent;
  if (place) Object.assign(place, { textContent: `${text} `, hidden: false });
  list();
  return box;
}

function end(state) {
  blank();
  if (!result) return;
  settled(state);
  fill({ number: "", sentences: [], standing: "" });
  say(result.querySelector(`[data-when=${state}]`)?.textContent ?? "");
}

function show(said) {
  for (const [name, value] of Object.entries(said.computed)) {
    const box = items.get(name);
    const output = box?.querySelector("output");
    if (output) output.textContent = value === null ? "–" : `${Number(value.toFixed(1))} ${output.dataset.unit}`;
    else if (box && field(box)?.readOnly) field(box).value = value === null ? "" : value;
  }
  list();
  settled("ready");
  if (!said.words) return;
  const model = result.querySelector("[data-model]");
  const mode = JSON.parse(model.dataset.modes)[said.model.mode];
  model.textContent = `${said.model.id} ${said.model.version}, ${mode}`;
  fill(said.words);
  const number = put("sentence", { text: said.words.number });
  say(said.words.sentences.reduce((one, other) => put("between", { one, other }), number));
}

function fill(words) {
  result.querySelectorAll("[data-word]").forEach((place) => (place.textContent = words[place.dataset.word] || "–"));
  result.querySelector("[data-list=sentences]")?.replaceChildren(
    ...words.sentences.map((sentence) => element("li", sentence)),
  );
}

function say(text) {
  clearTimeout(speaking);
  const place = document.getElementById("spoken");
  speaking = setTimeout(() => (place.textContent = text.replace(/\s+/g, " ").trim()), SPOKEN_AFTER_MS);
}

const lock = (is) => form.querySelectorAll("input, select, button").forEach((control) => (control.disabled = is));

// What is sent is what stands in the fields: they are locked until the answer is there.
async function save(event) {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  if (!button || button.disabled || isSaved) return;
  const [first] = check(true);
  if (first) return focus(first);
  if (Object.keys(answers()).length === 0) return tell([["p", words.nothing]]);
  const body = { answers: answers(), vertebra: form.dataset.vertebra };
  lock(true);
  isTold = true;
  tell([["p", words.saving]]);
  let told = null;
  try {
    told = await send(form.dataset.save, body, SAVING_PATIENCE_MS);
  } catch {
    // It may be saved or not.
  }
  lock(false);
  if (told) answered(...told);
  else tell([["p", words.unknown]]);
}

function answered(status, said) {
  if (status === 200) return report(said);
  if (said.refused) return refuse(said.words);
  if (!NOTHING_SAVED.includes(status)) return tell([["p", words.unknown]]);
  const box = blame(said);
  tell([["p", box ? words.invalid : words.refused]]);
  if (box) focus(box);
}

const focus = (box) => (field(box) ?? box.querySelector("input")).focus();

function report(said) {
  const lines = [];
  const part = (title, labels) => labels.length && lines.push(["h3", title], ["ul", labels]);
  part(words.saved, said.saved);
  part(words.already, said.already);
  part(words.failed, said.failed.map(({ label, why }) => pair(label, why)));
  part(words.left_out, (said.left_out ?? []).map(({ label, record }) => put("in_record", { label, record })));
  const isNothing = lines.length === 0;
  if (isNothing) lines.push(["p", words.none]);
  if (said.saved.length && !said.provenance) lines.push(["p", words.unsigned]);
  if (said.now) lines.push(["h3", words.now], ["p", said.now]);
  if (said.outcome) lines.push(["p", said.outcome]);
  isSaved = said.failed.length === 0 && !isNothing;
  if (isSaved) lock(true);
  document.getElementById("again").hidden = !isSaved;
  tell(lines);
}

// Whoever types goes on typing: nothing that is entered is lost.
function refuse(why, isFocused = true) {
  tell([["p", why], ["p", words.kept]], isFocused);
}

const element = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });

// Each line is a kind of element and its text; of a list, its texts.
function tell(lines, isFocused = true) {
  const nodes = lines.map(([kind, said]) => {
    if (kind !== "ul") return element(kind, said);
    const list = document.createElement(kind);
    list.replaceChildren(...said.map((text) => element("li", text)));
    return list;
  });
  account.replaceChildren(...nodes);
  if (isFocused) account.focus();
}

async function close() {
  const button = document.getElementById("close");
  running?.abort();
  clearTimeout(waiting);
  let isClosed = false;
  try {
    const headers = { "X-CSRF-Token": button.dataset.csrf };
    isClosed = (await fetch(button.dataset.url, { method: "POST", headers, signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    // Said below.
  }
  isTouched = false;
  const said = isClosed ? button.dataset.closed : button.dataset.open;
  document.querySelector("main").replaceChildren(element("p", said));
}

// Another language, form or vertebra is another page: the browser asks before it goes.
window.addEventListener("beforeunload", (event) => {
  if (isTouched && !isSaved) event.preventDefault();
});
document.getElementById("close").addEventListener("click", close);
if (form) {
  form.addEventListener("input", () => {
    isTouched = true;
    changed();
  });
  form.addEventListener("submit", save);
  // Enter in a field would save what is half entered, as final.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
  });
  form.querySelectorAll("[data-fill]").forEach((button) =>
    button.addEventListener("click", () => {
      const control = document.getElementById(button.dataset.fill);
      control.value = button.dataset.day;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      control.focus();
    }),
  );
  form.hidden = false;
  if (result) result.hidden = false;
  changed(0);
}
