// The command palette: Ctrl or Cmd and K. It offers what the page can do ([data-command]), where the portal can take one
// ([data-go]), and whatever the search finds. Without it, the search box and the links of the page do the same.

import { announceAfterwards, perform } from "./announce.js";

const dialog = document.getElementById("palette");
const openers = document.querySelectorAll("[data-palette='open']");
const PAUSE = 120;
let text, list, status, chosen, waiting, asking;
// What is shown is for an earlier text while an answer is awaited. Enter waits for the answer.
let isAwaited = false, entered = null;

const options = () => [...list.querySelectorAll("[role='option']")];

function matches(words, name) {
  const has = name.toLowerCase();
  return words.every((word) => has.includes(word));
}

function group(title, entries) {
  if (!entries.length) return [];
  const item = document.createElement("li");
  item.setAttribute("role", "presentation");
  const inner = item.appendChild(document.createElement("ul"));
  inner.setAttribute("role", "group");
  inner.setAttribute("aria-label", title);
  const head = inner.appendChild(document.createElement("li"));
  head.className = "palette__group";
  head.setAttribute("role", "presentation");
  head.textContent = title;
  for (const [id, name, act] of entries) {
    const option = inner.appendChild(document.createElement("li"));
    option.id = id;
    option.textContent = name;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.act = act;
  }
  return [item];
}

// What this page can do, and the pages of the portal.
function own() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const usable = (each) => !each.disabled && !each.closest("dialog:not([open]), [hidden]");
  const commands = [...document.querySelectorAll("[data-command]")]
    .filter((each) => usable(each) && matches(words, each.dataset.command))
    .slice(0, words.length ? 8 : 12)
    .map((each, at) => [`command-${at}`, each.dataset.command, (apart) => activate(each, apart)]);
  const pages = [...document.querySelectorAll(".top [data-go]")]
    .filter((each) => matches(words.filter((word, at) => at > 1 || !["go", "to", "open"].includes(word)), each.textContent))
    .map((each, at) => [`go-${at}`, each.textContent.trim(), (apart) => activate(each, apart)]);
  const all = text.value.trim();
  const starts = STARTS.filter(([name]) => document.getElementById("create") && matches(words, name));
  const acts = starts.map(([name, start], at) => [`start-${at}`, name, () => (start ? type(start) : create())]);
  const search = all
    ? [["search-all", `Search everything for “${all}”`, (apart) => go(`${dialog.dataset.search}?q=${encodeURIComponent(all)}`, apart)]]
    : [];
  return { before: group("On this page", commands), after: [...group("Do", acts), ...group("Go to", pages), ...group("Search", search)] };
}

// Acts that are typed: the text begins with them, and the server offers how it may go on.
const STARTS = [
  ["Create a story", ""],
  ["Move a story…", "move "],
  ["Assign a story…", "assign "],
  ["Plan a story for a release…", "plan "],
  ["Ask whether a story is done…", "is "],
];

async function create() {
  const { openCreate } = await import(document.getElementById("create").dataset.script);
  openCreate();
}

function type(words) {
  if (!dialog.open) dialog.showModal();
  text.value = words;
  text.focus();
  typed();
}

function go(url, apart) {
  if (apart) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

function activate(element, apart) {
  if (apart && element.href) return go(element.href, true);
  // The element itself is what acts, so that everything bound to it happens.
  element.click();
}

function choose(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  chosen = option ?? null;
  if (option) {
    text.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else text.removeAttribute("aria-activedescendant");
}

function show(found) {
  const { before, after } = own();
  const kept = chosen?.id;
  list.replaceChildren(...before, ...found, ...after);
  const all = options();
  choose(all.find((each) => each.id === kept && text.dataset.moved) ?? all[0]);
  status.textContent = all.length === 1 ? "1 choice" : `${all.length} choices`;
}

async function ask() {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const url = `${dialog.dataset.suggestions}?${new URLSearchParams({ q: text.value, page: location.pathname })}`;
    const answer = await fetch(url, { signal: mine.signal, headers: { "X-Requested-With": "palette" } });
    // Signed out meanwhile: the answer is the page to sign in on, which is no list.
    if (!answer.ok || answer.redirected) return;
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    if (!mine.signal.aborted) show(template.content.children);
  } catch (error) {
    if (error.name !== "AbortError") show([]);
  } finally {
    if (asking === mine) answered();
  }
}

function answered() {
  isAwaited = false;
  const apart = entered;
  entered = null;
  if (apart !== null && dialog.open) act(chosen, apart);
}

function typed() {
  delete text.dataset.moved;
  chosen = null;
  show(text.value.trim() ? [...list.children].filter((each) => each.querySelector("[data-href]:not(.palette__answer)")) : []);
  clearTimeout(waiting);
  [isAwaited, entered] = [true, null];
  waiting = setTimeout(ask, PAUSE);
}

const request = ({ method, url, body, done, undo }) => ({ method, url, body, done, undo: undo ? JSON.parse(undo) : null });

function act(option, apart) {
  if (!option) return;
  if (option.dataset.fill) return type(option.dataset.fill);
  // Closing gives the focus back to where it was; what happens next may take it elsewhere.
  dialog.close();
  if (option.act) option.act(apart);
  else if (option.dataset.url) perform(request(option.dataset));
  else go(option.dataset.href, apart);
}

function open() {
  if (dialog.open) return;
  // Another dialog on top of this one would keep its keys.
  if (document.querySelector("dialog[open]")) return;
  text.value = "";
  dialog.showModal();
  text.focus();
  typed();
}

const MOVES = {
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at - 1 + count) % count,
  PageDown: (at, count) => Math.min(at + 8, count - 1),
  PageUp: (at) => Math.max(at - 8, 0),
};

function pressed(event) {
  if (event.isComposing) return;
  const all = options();
  if (event.key === "Enter") {
    event.preventDefault();
    const apart = event.ctrlKey || event.metaKey;
    if (isAwaited && !text.dataset.moved) entered = apart;
    else act(chosen, apart);
  } else if (MOVES[event.key] && all.length) {
    event.preventDefault();
    text.dataset.moved = "yes";
    choose(all[MOVES[event.key](all.indexOf(chosen), all.length)]);
  }
}

if (dialog) {
  text = dialog.querySelector("[role='combobox']");
  list = dialog.querySelector("[role='listbox']");
  status = dialog.querySelector("[data-palette='status']");
  for (const each of openers) {
    each.hidden = false;
    each.addEventListener("click", open);
  }
  text.addEventListener("input", typed);
  text.addEventListener("keydown", pressed);
  list.addEventListener("mousemove", (event) => {
    const option = event.target.closest("[role='option']");
    if (option && option !== chosen) choose(option);
  });
  list.addEventListener("click", (event) => act(event.target.closest("[role='option']"), event.ctrlKey || event.metaKey));
  // Clicking in the list must not take the focus from the text.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    clearTimeout(waiting);
    entered = null;
    asking?.abort();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (dialog.open) dialog.close();
    else open();
  });
}
announceAfterwards();
