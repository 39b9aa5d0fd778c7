// The hook console: writes a request, fires it at the address that an EHR uses, shows what
// comes back. All text goes into text nodes: nothing of a request or card becomes HTML.

import { drawBlocks, link, made } from "./card_text.js";

const page = document.getElementById("console");
const said = JSON.parse(page.dataset.said);
const find = (id) => document.getElementById(id);
const form = find("choice");
const body = find("body");
const answer = find("answer");
const hint = find("status").textContent; // before anything was fired
const cards = find("cards");

// Stays in which a card was dismissed: the service keeps it away there.
const dismissedIn = new Set();
let writing = 0;
let firing = 0;

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const pretty = (value) => JSON.stringify(value, null, 2);
const service = () => form.elements.service.value;
const chosen = (id) => find(id).selectedOptions[0];
const address = () => `${page.dataset.services}/${service()}`;

const cloned = (id) => find(id).content.firstElementChild.cloneNode(true);

async function post(url, text) {
  const began = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: text,
    cache: "no-store",
  });
  const sent = await response.text();
  const ms = Math.round(performance.now() - began);
  let json = null;
  try {
    json = JSON.parse(sent);
  } catch {
    // Shown as it came.
  }
  return { status: response.status, ok: response.ok, ms, json, text: json ? pretty(json) : sent, id: response.headers.get("X-Request-ID") };
}

// The request ---------------------------------------------------------------------

function parsed() {
  try {
    return JSON.parse(body.value);
  } catch {
    return null;
  }
}

async function write() {
  const patient = find("patient").value;
  if (!patient) return;
  const mine = ++writing;
  forget();
  const got = await post(page.dataset.request, JSON.stringify({ patient, service: service() })).catch(() => null);
  if (mine !== writing) return; // somebody has chosen another one since
  if (!got?.ok) return tell(got ? filled(said.answered, got) : said.silent);
  body.value = got.text;
  name();
}

// Puts the FHIR server by which the chosen client is known into the request.
function name() {
  const option = chosen("client");
  const request = parsed();
  if (request && option.dataset.server) {
    body.value = pretty(from(request, server(option)));
  }
  show();
}

// Beside the hook, where it is seen, and not after all the data.
function from({ hook, hookInstance, ...rest }, fhirServer) {
  return Object.assign({ hook, hookInstance, fhirServer }, rest, { fhirServer });
}

function server(option) {
  const version = chosen("patient").dataset.version ?? "R4";
  return option.dataset.server.replace("{language}", find("language").value).replace("{version}", version);
}

function show() {
  const request = parsed();
  let wrong = "";
  try {
    JSON.parse(body.value);
  } catch (error) {
    wrong = `${filled(said.notJson, { why: error.message })} ${said.notJsonSent}`;
  }
  find("body-wrong").textContent = body.value ? wrong : "";
  find("story").textContent = chosen("patient").dataset.story ?? "";
  document.querySelectorAll(".facts").forEach((facts) => (facts.hidden = facts.id !== chosen("client").dataset.facts));
  find("address").textContent = address();
  find("curl").textContent =
    `curl -s -H 'Content-Type: application/json' --data @request.json ${new URL(address(), location.href)}`;
  document.querySelectorAll("[data-templates]").forEach((table) => {
    table.hidden = table.dataset.templates !== service();
    table.querySelectorAll("[data-key]").forEach((row) => {
      row.querySelector("[data-state]").textContent = availability(request?.prefetch, row.dataset.key);
    });
  });
}

function availability(prefetch, key) {
  if (!prefetch || !Object.hasOwn(prefetch, key)) return said.absent;
  const value = prefetch[key];
  if (value === null) return said.null;
  if (value.resourceType === "OperationOutcome") return said.outcome;
  if (value.resourceType === "Bundle") return filled(said.entries, { n: value.entry?.length ?? 0 });
  return said.resource;
}

// A patient comes with the hook, the client and the FHIR version of the story.
function choosePatient() {
  const { service: hook, client } = chosen("patient").dataset;
  if (hook) {
    form.elements.service.value = hook;
    find("client").value = client;
    write();
  } else {
    find("client").value = "";
    forget();
    body.focus();
  }
  show();
}

// The answer ----------------------------------------------------------------------

function tell(text) {
  find("status").textContent = text;
}

// No card of one patient stands beside the story of another.
function forget() {
  firing++;
  body.value = "";
  cards.replaceChildren();
  find("response").hidden = true;
  find("comparison").hidden = true;
  find("comparison").querySelector(".wide").hidden = true;
  answer.dataset.state = "empty";
  tell(hint);
}

async function fire() {
  const shot = ++firing;
  const asked = { url: address(), detail: chosen("client").dataset.detail ?? "gfm", encounter: parsed()?.context?.encounterId };
  answer.dataset.state = "waiting";
  tell(said.firing);
  let got;
  try {
    got = await post(asked.url, body.value);
  } catch {
    if (shot !== firing) return;
    cards.replaceChildren();
    find("response").hidden = true;
    answer.dataset.state = "failed";
    return tell(said.silent);
  }
  const given = got.json?.cards;
  const drawing = given ? await Promise.all(given.map((card) => drawn(card, asked))) : [refused(got)];
  if (shot !== firing) return; // another request was fired, or another patient chosen, since
  find("json").textContent = got.text;
  find("headers").textContent = `HTTP ${got.status} · X-Request-ID ${got.id ?? "–"}`;
  find("response").hidden = false;
  find("comparison").hidden = false;
  cards.replaceChildren(...drawing);
  if (given?.length === 0) {
    const words = [said.noCard, ...(dismissedIn.has(asked.encounter) ? [said.keptAway] : [])];
    cards.append(...words.map((text) => made("p", text, { className: "nothing" })));
  }
  answer.dataset.state = given ? "ready" : "failed";
  tell(given ? filled(said.with, { ...got, cards: counted(given.length) }) : filled(said.answered, got));
  bringIntoView();
}

function bringIntoView() {
  const { top } = answer.getBoundingClientRect();
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (top < 0 || top > innerHeight / 2) answer.scrollIntoView({ behavior: isStill ? "instant" : "smooth" });
}

const counted = (n) => (n === 1 ? said.oneCard : filled(said.cards, { n }));

function refused(got) {
  const node = cloned("refusal");
  const issues = got.json?.issue ?? [{ details: { text: got.text } }];
  const inGeneral = new Set(issues.map((issue) => issue.diagnostics).filter(Boolean));
  node.querySelector(".quiet").textContent = [...inGeneral].join(" ");
  node.querySelector("ul").append(
    ...issues.map((issue) => {
      const item = made("li", issue.details?.text ?? "");
      if (issue.code) item.prepend(made("code", issue.code), " ");
      return item;
    }),
  );
  return node;
}

async function drawn(card, asked) {
  const node = cloned("card");
  node.dataset.indicator = card.indicator;
  node.querySelector(".indicator").textContent = said[card.indicator] ?? card.indicator;
  node.querySelector(".summary").textContent = card.summary;
  const source = node.querySelector(".source");
  source.append(link(card.source.label, card.source.url ?? ""));
  if (card.source.topic?.display) source.append(` · ${card.source.topic.display}`);
  await detail(node.querySelector(".detail"), card.detail, asked.detail);
  suggestions(node, card, asked);
  links(node, card.links ?? []);
  dismissal(node, card, asked);
  return node;
}

async function detail(place, text, format) {
  place.hidden = !text;
  if (!text) return;
  const got = format === "gfm" ? await post(page.dataset.detail, JSON.stringify({ markdown: text })).catch(() => null) : null;
  if (got?.ok) drawBlocks(place, got.json.blocks);
  else place.append(made("pre", text, { className: "plain" }));
}

function links(node, all) {
  node.querySelector(".links").hidden = all.length === 0;
  node.querySelector(".links ul").append(
    ...all.map((each) => {
      const item = made("li");
      if (each.type === "smart") item.append(`${each.label} (${said.smart}: ${each.url})`);
      else item.append(link(each.label, each.url));
      return item;
    }),
  );
}

function suggestions(node, card, asked) {
  const all = card.suggestions ?? [];
  const place = node.querySelector(".suggestions");
  place.hidden = all.length === 0;
  place.querySelector(".selection").textContent =
    card.selectionBehavior === "at-most-one" ? said.atMostOne : card.selectionBehavior ? said.any : "";
  all.forEach((suggestion) => {
    const item = cloned("suggestion");
    item.querySelector(".label").textContent = suggestion.label;
    item.querySelector(".actions-of").append(...(suggestion.actions ?? []).map(action));
    const button = item.querySelector("button");
    button.addEventListener("click", async () => {
      const is = await feedback(asked, said.accepted, suggestion.label, {
        card: card.uuid,
        outcome: "accepted",
        acceptedSuggestions: [{ id: suggestion.uuid }],
      });
      if (!is) return;
      mark(item);
      if (card.selectionBehavior === "at-most-one") place.querySelectorAll("button").forEach(close);
      node.querySelectorAll(".dismiss button, .dismiss select, .dismiss input").forEach(close);
    });
    place.querySelector(":scope > ul").append(item);
  });
}

const close = (control) => (control.disabled = true);

// Focus goes to what was said, since the button is gone.
function mark(item) {
  close(item.querySelector("button"));
  const done = item.querySelector(".done");
  done.textContent = `✓ ${find("feedback").querySelector("li .what").textContent}`;
  done.tabIndex = -1;
  done.focus();
}

function action(each) {
  const node = cloned("action");
  node.querySelector(".what").textContent = each.description ?? "";
  node.querySelector("summary").textContent = filled(said[each.type] ?? each.type, { type: each.resource?.resourceType ?? "" });
  node.querySelector("code").textContent = pretty(each.resource ?? each);
  return node;
}

function dismissal(node, card, asked) {
  const dismiss = node.querySelector(".dismiss");
  const [select, comment] = dismiss.querySelectorAll("select, input");
  const reasons = card.overrideReasons ?? [];
  dismiss.querySelector(".reasons").hidden = reasons.length === 0;
  select.append(...reasons.map((reason, place) => made("option", reason.display, { value: place })));
  dismiss.addEventListener("submit", async (event) => {
    event.preventDefault();
    const reason = select.value === "" ? undefined : reasons[select.value];
    const given = { reason, userComment: comment.value || undefined };
    const isSaid = reason || given.userComment;
    const what = reason?.display ?? said.noReason;
    const is = await feedback(asked, said.overridden, what, {
      card: card.uuid,
      outcome: "overridden",
      ...(isSaid ? { overrideReason: given } : {}),
    });
    if (!is) return;
    if ("staysAway" in page.dataset && asked.encounter) dismissedIn.add(asked.encounter);
    node.querySelectorAll("button, select, input").forEach(close);
    node.classList.add("dismissed");
    mark(node);
  });
}

async function feedback(asked, words, what, item) {
  const sent = { feedback: [{ ...item, outcomeTimestamp: new Date().toISOString() }] };
  const got = await post(`${asked.url}/feedback`, JSON.stringify(sent)).catch(() => null);
  const node = cloned("sent");
  const status = got ? filled(got.ok ? said.taken : said.refused, got) : said.silent;
  node.querySelector(".what").textContent = filled(said.outcomeOf, { what: filled(words, { what }), outcome: status });
  node.querySelector("code").textContent = `POST ${asked.url}/feedback\n\n${pretty(sent)}\n\n${got?.text ?? ""}`;
  find("feedback").hidden = false;
  find("feedback").querySelector("ol").prepend(node);
  return got?.ok ?? false;
}

// Comparison: one column for each client, marked where it differs from the chosen one ----

function told(got, option) {
  const given = got.json?.cards ?? [];
  const all = (of) => given.flatMap(of);
  const suggested = all((card) => card.suggestions ?? []);
  const list = (texts) => texts.join("\n") || said.none;
  return {
    status: filled(said.short, { status: got.status, cards: counted(given.length) }),
    summary: got.ok && !given.length ? said.noCard : list(given.map((card) => card.summary)),
    indicator: list(given.map((card) => said[card.indicator] ?? card.indicator)),
    detail: list(given.filter((card) => card.detail).map((card) => filled(said.format, { format: find(option.dataset.facts).dataset.format, length: filled(said.characters, { n: card.detail.length }) }))),
    suggestions: list(suggested.map((each) => each.label)),
    actions: list(suggested.flatMap((each) => (each.actions ?? []).map((one) => filled(said[one.type], { type: one.resource?.resourceType })))),
    selection: list(all((card) => card.selectionBehavior ?? [])),
    reasons: list(all((card) => card.overrideReasons ?? []).map((reason) => reason.display)),
    links: list(all((card) => card.links ?? []).map((each) => `${each.label} (${each.type})`)),
  };
}

async function compare() {
  const request = parsed();
  if (!request) return tell(said.notJsonSent);
  const options = [...find("client").options].filter((option) => option.dataset.server);
  const shot = firing;
  const first = options.find((option) => option.selected) ?? options[0];
  const columns = [first, ...options.filter((option) => option !== first)];
  const answers = [];
  for (const option of columns) {
    const text = JSON.stringify({ ...request, hookInstance: crypto.randomUUID(), fhirServer: server(option) });
    const got = await post(address(), text).catch(() => null);
    if (!got) return tell(said.silent);
    answers.push(told(got, option));
  }
  if (shot !== firing) return; // another patient was chosen since
  const wide = find("comparison").querySelector(".wide");
  wide.querySelectorAll("td, thead th + th").forEach((cell) => cell.remove());
  wide.querySelector("thead tr").append(...columns.map((option) => made("th", option.textContent, { scope: "col" })));
  wide.querySelectorAll("[data-part]").forEach((row) => {
    const { part } = row.dataset;
    answers.forEach((each) => {
      const cell = made("td", each[part]);
      if (each[part] !== answers[0][part]) {
        cell.className = "differs";
        cell.prepend(made("span", `${said.differs}: `, { className: "unseen" }));
      }
      row.append(cell);
    });
  });
  wide.hidden = false;
}

// What people do ---------------------------------------------------------------------

async function copy(button) {
  const from = find(button.dataset.copy);
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    button.textContent = said.copied;
  } catch {
    button.textContent = said.failed;
  }
  setTimeout(() => (button.textContent = before), 1500);
}

function save() {
  const url = URL.createObjectURL(new Blob([body.value], { type: "application/json" }));
  made("a", "", { href: url, download: "request.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

find("patient").addEventListener("change", choosePatient);
form.querySelectorAll("[name=service]").forEach((radio) =>
  radio.addEventListener("change", () => {
    show();
    write();
  }),
);
find("client").addEventListener("change", () => (chosen("client").dataset.server || !find("patient").value ? name() : write()));
find("language").addEventListener("change", name);
find("renew").addEventListener("click", write);
body.addEventListener("input", show);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  fire();
});
find("compare").addEventListener("click", compare);
find("save").addEventListener("click", save);
document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));

page.hidden = false;
choosePatient();
