// The forms of the SMART app: what is asked and its limits stand in the page, as the
// Questionnaires say. Works out nothing and keeps nothing: all state is in the fields.

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
const UNKNOWN = "No clear answer came: it may be saved or not. Look into the chart before you save again.";

let waiting = 0;
let speaking = 0;
let running = null;
let isSaved = false;

function answer(box) {
  if (box.hasAttribute("data-computed") || box.hidden) return null;
  const control = field(box);
  if (!control) {
    const value = box.querySelector("input:checked")?.value || null;
    return box.dataset.kind === "boolean" && value ? value === "true" : value;
  }
  if (control.readOnly || control.value === "") return null;
  return control.type === "number" ? control.valueAsNumber : control.value;
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

// Marks what is impossible while it is typed; what is lacking only when it is saved.
function mark(box, isSaving = false) {
  const control = field(box);
  const isWrong = Boolean(control) && isAsked(box) && !control.validity.valid;
  const isLacking = isSaving && isAsked(box) && box.hasAttribute("data-required") && answer(box) === null && !isWrong;
  box.toggleAttribute("data-wrong", isWrong || isLacking);
  control?.setAttribute("aria-invalid", isWrong || isLacking);
  for (const [name, is] of [["wrong", isWrong], ["lacking", isLacking]]) {
    const text = box.querySelector(`.${name}`);
    if (text) text.hidden = !is;
  }
  return !(isWrong || isLacking);
}

const check = (isSaving) => [...items.values()].filter((box) => !mark(box, isSaving));

function changed(wait = WAIT_MS) {
  settle();
  list();
  const isWrong = check(false).length > 0;
  running?.abort();
  clearTimeout(waiting);
  if (!result) return;
  result.dataset.state = "waiting";
  if (isWrong) end("invalid");
  else waiting = setTimeout(assess, wait);
}

// What will be written, or is to be typed by hand: as it stands in the form.
function list() {
  const place = document.querySelector("[data-entered]");
  const lines = [...items.values()]
    .filter((box) => isAsked(box) && (answer(box) !== null || (field(box)?.readOnly && field(box).value)))
    .map((box) => {
      const label = box.querySelector("label, legend").textContent.trim();
      const control = field(box);
      const said = control
        ? (control.selectedOptions?.[0].textContent ?? control.value)
        : box.querySelector("input:checked").parentElement.textContent.trim();
      const isTime = control?.type === "datetime-local";
      return element("li", `${label}: ${isTime ? said.replace("T", " ") : said}`);
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
    else if (said.refused) refuse(said.words);
    else blame(said) ? end("invalid") : end("failed");
  } catch {
    if (running === asked && !asked.signal.aborted) end("failed");
  }
}

// The service names the item that it refuses; a text that is none of ours is not shown.
function blame(outcome) {
  const text = outcome.issue?.[0]?.details?.text ?? "";
  const [, name, why] = text.match(/answers\.([\w-]+): (.*)/s) ?? [];
  const box = items.get(name);
  if (!box) return false;
  const place = box.querySelector(".wrong");
  box.toggleAttribute("data-wrong", true);
  if (place) Object.assign(place, { textContent: `${why[0].toUpperCase()}${why.slice(1)}. `, hidden: false });
  return box;
}

function end(state) {
  if (!result) return;
  result.dataset.state = state;
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
  result.dataset.state = "ready";
  if (!said.words) return;
  result.querySelector("[data-model]").textContent = `${said.model.id} ${said.model.version}, ${said.model.mode}`;
  fill(said.words);
  say([`${said.words.number}.`, ...said.words.sentences].join(" "));
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

async function save(event) {
  event.preventDefault();
  const button = form.querySelector("[type=submit]");
  if (!button || button.disabled || isSaved) return;
  const [first] = check(true);
  if (first) return focus(first);
  if (Object.keys(answers()).length === 0) return tell([["p", "Nothing is entered yet."]]);
  button.disabled = true;
  tell([["p", "Saving …"]]);
  try {
    const body = { answers: answers(), vertebra: form.dataset.vertebra };
    const [status, said] = await send(form.dataset.save, body, SAVING_PATIENCE_MS);
    if (status === 200) report(said);
    else if (said.refused) refuse(said.words);
    else if (!NOTHING_SAVED.includes(status)) tell([["p", UNKNOWN]]);
    else {
      const box = blame(said);
      tell([["p", box ? "Nothing was saved: correct the value that is marked." : "Nothing was saved: the service did not take it. Try again later, or enter it in the record."]]);
      if (box) focus(box);
    }
  } catch {
    tell([["p", UNKNOWN]]);
  }
  button.disabled = isSaved;
}

const focus = (box) => (field(box) ?? box.querySelector("input")).focus();

function report(said) {
  const lines = [];
  const part = (title, labels) => labels.length && lines.push(["h3", title], ["ul", labels]);
  part("Saved", said.saved);
  part("In the record already", said.already);
  part("Not saved", said.failed.map(({ label, why }) => `${label}: ${why}`));
  part("Not saved, since the record has a value by now", (said.left_out ?? []).map(({ label, record }) => `${label}. In the record: ${record}`));
  const isNothing = lines.length === 0;
  if (isNothing) lines.push(["p", "Nothing to save was entered."]);
  if (said.saved.length && !said.provenance) lines.push(["p", "The record of who entered it (Provenance) could not be saved; you stand as performer in each entry."]);
  if (said.now) lines.push(["h3", "The record now"], ["p", said.now]);
  if (said.outcome) lines.push(["p", said.outcome]);
  isSaved = said.failed.length === 0 && !isNothing;
  if (isSaved) form.querySelectorAll("input, select").forEach((control) => (control.disabled = true));
  tell(lines);
}

function refuse(words) {
  tell([["p", words]]);
  if (result) end("failed");
}

const element = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });

// Each line is a kind of element and its text; of a list, its texts.
function tell(lines) {
  const nodes = lines.map(([kind, said]) => {
    if (kind !== "ul") return element(kind, said);
    const list = document.createElement(kind);
    list.replaceChildren(...said.map((text) => element("li", text)));
    return list;
  });
  account.replaceChildren(...nodes);
  account.focus();
}

async function close() {
  const button = document.getElementById("close");
  let isClosed = false;
  try {
    const headers = { "X-CSRF-Token": button.dataset.csrf };
    isClosed = (await fetch(button.dataset.url, { method: "POST", headers, signal: AbortSignal.timeout(PATIENCE_MS) })).ok;
  } catch {
    // Said below.
  }
  const said = isClosed
    ? "Closed. You can close this window."
    : "Nothing is shown any more, but the session could not be ended. It ends by itself within an hour; close the browser to end it now.";
  document.querySelector("main").replaceChildren(element("p", said));
}

document.getElementById("close").addEventListener("click", close);
if (form) {
  form.addEventListener("input", () => changed());
  form.addEventListener("submit", save);
  form.hidden = false;
  if (result) result.hidden = false;
  changed(0);
}
