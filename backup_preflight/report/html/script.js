"use strict";
// Filters what the page shows and unfolds what it leaves out. Everything a VM has said is set as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const ROWS = 100; // of a long list, until all are asked for
const PRINTED = 50; // VMs up to which the checks without a finding are printed too

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const text = (number) => data.texts[number];
const causeOf = (check) => data.checks[check].causes[0] ?? "";
const wordOf = (verdict) => data.words[data.verdicts.indexOf(verdict)];
const counted = (number, what) => data.counted.replace("{number}", number).replace("{what}", what);
const className = (verdict) => verdict.replace(" ", "_");

const state = { vm: "", verdicts: new Set(), cause: "", open: "" };
const everything = { heat: false, vms: false };
const sections = new Map(); // number of a VM → its element, once it has been made

// ---- what passes the filter

const matchesFinding = ([check, verdict]) =>
  (!state.verdicts.size || state.verdicts.has(data.verdicts[verdict])) && (!state.cause || causeOf(check) === state.cause);

function matchesName(number) {
  const vm = data.vms[number];
  return `${vm.id} ${vm.description}`.toLowerCase().includes(state.vm.toLowerCase());
}

function matchingVms() {
  const filtered = state.verdicts.size || state.cause;
  return [...data.vms.keys()].filter((number) => matchesName(number) && (!filtered || data.vms[number].findings.some(matchesFinding)));
}

// ---- small builders

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const clone = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** Put texts into the places of a template; a part without text goes. */
function fill(within, texts) {
  for (const [slot, content] of Object.entries(texts)) {
    const place = within.querySelector(`[data-slot="${slot}"]`);
    if (!place) continue;
    if (content) place.textContent = content;
    else (place.closest("dl > div") ?? place).remove();
  }
}

function badge(place, verdict) {
  const word = data.verdicts[verdict];
  place.classList.add(className(word));
  place.replaceChildren(element("span", { ariaHidden: "true", textContent: data.symbols[verdict] }), ` ${data.words[verdict]}`);
}

function linkTo(number) {
  const link = element("a", { href: `#open=${encodeURIComponent(data.vms[number].id)}`, textContent: data.vms[number].id });
  link.dataset.vm = number;
  return link;
}

// ---- the table VM × cause

function mark(verdict, count) {
  const word = data.verdicts[verdict];
  return element(
    "span",
    { className: `mark ${className(word)}` },
    element("span", { ariaHidden: "true", textContent: data.symbols[verdict] }),
    count ? ` ${count}` : "",
    element("span", { className: "sr", textContent: ` ${data.words[verdict]}` }),
  );
}

function cell(vm, cause, none) {
  const counts = new Map();
  for (const [check, verdict] of vm.findings) if (causeOf(check) === cause) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const verdicts = [...counts.keys()].sort((a, b) => a - b);
  if (verdicts.length) return element("td", { className: className(data.verdicts[verdicts[0]]) }, ...verdicts.map((verdict) => mark(verdict, counts.get(verdict))));
  if (vm.passed.some((check) => causeOf(check) === cause)) return element("td", {}, mark(data.verdicts.indexOf("pass"), 0));
  return element("td", {}, element("span", { className: "mark none", ariaHidden: "true", textContent: "–" }), element("span", { className: "sr", textContent: none }));
}

function row(number, words) {
  const vm = data.vms[number];
  const head = element("th", { scope: "row" }, linkTo(number));
  if (vm.state === "unreachable") return element("tr", {}, head, element("td", { colSpan: data.columns.length, className: "unreachable", textContent: words.unread }));
  return element("tr", {}, head, ...data.columns.map((cause) => cell(vm, cause, words.none)));
}

// ---- one VM

function counts(vm) {
  const found = new Map();
  for (const [, verdict] of vm.findings) found.set(verdict, (found.get(verdict) ?? 0) + 1);
  const parts = [...found].sort(([a], [b]) => a - b).map(([verdict, number]) => [number, data.words[verdict]]);
  parts.push([vm.passed.length, wordOf("pass")], [vm.skipped.length, wordOf("not applicable")]);
  return parts.filter(([number]) => number).map((part) => counted(...part)).join(" · ");
}

function section(number) {
  if (sections.has(number)) return sections.get(number);
  const vm = data.vms[number];
  const made = clone("vm-template");
  fill(made, { id: vm.id, state: data.states[vm.state], description: vm.description });
  made.querySelector(".badge")?.classList.add(vm.state);
  made.querySelector(".counts").textContent = counts(vm);
  onUnfold(made, () => {
    made.append(...vm.findings.map(finding), ...logs(vm), quiet("pass", vm.passed.map((check) => [check])), quiet("not applicable", vm.skipped));
    filterFindings(number);
  });
  sections.set(number, made);
  return made;
}

/** What a fold holds is made when it is opened first; ``unfold`` makes it at once, because a toggle event comes later. */
function onUnfold(details, make) {
  details.unfold = () => {
    if (details.dataset.unfolded) return;
    details.dataset.unfolded = "yes";
    make();
  };
  details.addEventListener("toggle", () => details.open && details.unfold());
}

function finding([check, verdict, problem, found, fix, reason, remedy, waived, ...commands]) {
  const made = clone("finding-template");
  const record = data.checks[check];
  badge(made.querySelector(".badge"), verdict);
  fill(made, { problem: text(problem), check: record.id === "CONNECTION" ? "" : record.id });
  fill(made, { cause: record.cause, found: text(found), reason: text(reason), waived: text(waived), wanted: record.wanted, remedy: text(remedy) });
  if (fix || commands.length) made.querySelector("[data-slot=fix]").textContent = text(fix);
  else fill(made, { fix: "" });
  const block = made.querySelector(".commands");
  if (commands.length) block.querySelector("pre").textContent = commands.map(text).join("\n");
  else block?.remove();
  made.querySelector("a").href = record.link;
  fill(made, { link: record.link, date: record.date });
  all(".copy", made).forEach((button) => (button.hidden = false));
  return made;
}

function logs(vm) {
  if (!vm.logs) return [];
  const made = clone("logs-template");
  const links = vm.logs.files.map(({ name, href }) => element("a", { href, textContent: name }));
  made.querySelector("dd").append(...[...links, ...vm.logs.problems].flatMap((part) => [part, element("br")]));
  return [made];
}

/** The checks of a VM without a finding: how many they are, and which ones when somebody wants to know. */
function quiet(word, checks) {
  if (!checks.length) return "";
  const made = clone("quiet-template");
  made.firstElementChild.textContent = counted(checks.length, wordOf(word));
  if (word === "pass") made.querySelector(".reason").remove();
  onUnfold(made, () => made.querySelector("tbody").append(...checks.map(([check, reason]) => quietRow(data.checks[check], reason))));
  return made;
}

function quietRow(record, reason) {
  const source = record.link ? element("a", { href: record.link, rel: "noreferrer", textContent: record.date }) : "";
  const cells = [record.id, record.wanted, ...(reason === undefined ? [] : [text(reason)]), source];
  return element("tr", {}, ...cells.map((content) => element("td", {}, content)));
}

function filterFindings(number) {
  const { findings } = data.vms[number];
  all(".finding", section(number)).forEach((made, place) => (made.hidden = !matchesFinding(findings[place])));
}

// ---- showing

function showAllButton(button, shown, total) {
  button.hidden = shown >= total;
  button.textContent = button.dataset.text.replace("{all}", total);
}

function show() {
  const vms = matchingVms();
  const machines = vms.filter((number) => data.vms[number].state);
  if (byId("heat")) {
    const body = byId("heat").querySelector("tbody");
    const rows = machines.slice(0, everything.heat ? Infinity : ROWS);
    body.replaceChildren(...rows.map((number) => row(number, body.dataset)));
    showAllButton(byId("heat").querySelector(".all"), rows.length, machines.length);
  }
  const listed = vms.slice(0, everything.vms ? Infinity : ROWS);
  byId("vms").querySelector(".list").replaceChildren(...listed.map(section));
  listed.filter((number) => section(number).dataset.unfolded).forEach(filterFindings);
  showAllButton(byId("vms").querySelector(".all"), listed.length, vms.length);
  byId("vms").querySelector(".empty").hidden = vms.length > 0;
  showGroups(new Set(vms));
  const findings = vms.reduce((sum, number) => sum + data.vms[number].findings.filter(matchesFinding).length, 0);
  const output = byId("shown");
  if (!output) return;
  const numbers = { vms: machines.length, all: data.vms.filter((vm) => vm.state).length, findings };
  output.textContent = output.dataset.text.replace(/\{(\w+)\}/g, (_, name) => numbers[name]);
}

function showGroups(vms) {
  const groups = all(".group");
  for (const group of groups) {
    const { verdict, cause } = group.dataset;
    const fits = (!state.verdicts.size || state.verdicts.has(verdict)) && (!state.cause || cause === state.cause);
    group.hidden = !fits || !data.groups[group.dataset.group].some((number) => vms.has(number));
    all("[data-vm]", group).forEach((link) => (link.hidden = !matchesName(Number(link.dataset.vm))));
  }
  all(".cause").forEach((part) => (part.hidden = all(".group", part).every((group) => group.hidden)));
  const empty = document.querySelector("#findings > .empty");
  empty.hidden = !groups.length || groups.some((group) => !group.hidden);
}

function open(number) {
  if (!matchingVms().includes(number)) reset();
  if (matchingVms().indexOf(number) >= ROWS) everything.vms = true;
  state.open = data.vms[number].id;
  update();
  reveal(number);
}

function reveal(number) {
  const made = section(number);
  made.unfold();
  made.open = true;
  made.scrollIntoView({ block: "start" });
  made.querySelector("summary").focus({ preventScroll: true });
}

// ---- the state, in the address and in the form

function reset() {
  Object.assign(state, { vm: "", verdicts: new Set(), cause: "", open: "" });
}

function update() {
  const hash = new URLSearchParams();
  if (state.vm) hash.set("vm", state.vm);
  if (state.verdicts.size) hash.set("verdict", [...state.verdicts].join());
  if (state.cause) hash.set("cause", state.cause);
  if (state.open) hash.set("open", state.open);
  history.replaceState(null, "", `#${hash}`);
  if (byId("filters")) {
    byId("text").value = state.vm;
    byId("cause").value = state.cause;
    all("[name=verdict]").forEach((box) => (box.checked = state.verdicts.has(box.value)));
  }
  show();
}

function restore() {
  if (location.hash && !location.hash.includes("=")) return show(); // a place in the page
  const hash = new URLSearchParams(location.hash.slice(1));
  const boxes = all("[name=verdict]").map((box) => box.value);
  const verdicts = (hash.get("verdict") ?? "").split(",").filter((word) => boxes.includes(word));
  const cause = data.checks.some((record) => record.causes[0] === hash.get("cause")) ? hash.get("cause") : "";
  Object.assign(state, { vm: hash.get("vm") ?? "", verdicts: new Set(verdicts), cause, open: "" });
  const number = data.vms.findIndex((vm) => vm.id === hash.get("open"));
  return number >= 0 ? open(number) : update();
}

// ---- copying

async function copy(button) {
  const block = button.parentElement.querySelector("pre");
  const copied = (await writeClipboard(block.textContent)) || copySelection(block);
  const said = byId("said");
  const word = copied ? said.dataset.copied : said.dataset.selected;
  const label = button.dataset.label ?? (button.dataset.label = button.textContent);
  said.textContent = button.textContent = word;
  setTimeout(() => {
    button.textContent = label;
    said.textContent = "";
  }, 2000);
}

async function writeClipboard(content) {
  try {
    await navigator.clipboard.writeText(content); // not there, or refused, where the page is a file
    return true;
  } catch {
    return false;
  }
}

/** The way of before: select, copy. If that is refused too, the text is selected at least. */
function copySelection(block) {
  getSelection().selectAllChildren(block);
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
}

// ---- printing: everything unfolded, then as it was

let folded = [];

function unfoldForPrint() {
  everything.heat = everything.vms = true;
  show();
  const vms = matchingVms();
  vms.forEach((number) => section(number).unfold());
  const few = vms.length <= PRINTED;
  folded = all("details:not([open])").filter((details) => few || !details.classList.contains("quiet"));
  for (const details of folded) {
    details.unfold?.();
    details.open = true;
  }
}

function foldAgain() {
  folded.forEach((details) => (details.open = false));
  everything.heat = everything.vms = false;
  show();
}

// ---- events

function changed() {
  state.vm = byId("text").value.trim();
  state.cause = byId("cause").value;
  state.verdicts = new Set(all("[name=verdict]:checked").map((box) => box.value));
  state.open = "";
  update();
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-vm], .copy, .all, .rest");
  if (!target) return;
  if (target.matches("[data-vm]")) {
    event.preventDefault();
    open(Number(target.dataset.vm));
  } else if (target.matches(".copy")) copy(target);
  else if (target.matches(".all")) {
    everything[target.parentElement.id] = true;
    show();
  } else {
    const list = target.parentElement;
    const rest = data.groups[list.parentElement.dataset.group].slice(all("[data-vm]", list).length);
    const links = rest.map(linkTo);
    target.replaceWith(...links.flatMap((link) => [link, " "]));
    links[0].focus();
    show();
  }
});
byId("filters")?.addEventListener("input", changed);
byId("filters")?.addEventListener("submit", (event) => event.preventDefault());
byId("filters")?.addEventListener("reset", (event) => {
  event.preventDefault();
  reset();
  update();
});
addEventListener("hashchange", restore);
addEventListener("beforeprint", unfoldForPrint);
addEventListener("afterprint", foldAgain);

all(".unscripted").forEach((part) => part.remove());
all("#filters, #heat, #vms, .copy, .rest").forEach((part) => (part.hidden = false));
restore();
