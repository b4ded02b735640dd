// What has changed on a board, put in place without disturbing whoever works on it.

const FIELDS = "input, textarea, select, [contenteditable]";
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
// What stands on the page and follows from the cards, or, on a part of a board, from what the server said.
const SUMS = ["count", "share", "laneCount", "laneDone", "countType", "more"];
const attribute = (name) => `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function typedInto(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some((each) => each.selected !== each.defaultSelected && each.defaultSelected);
  return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
}

// Whether somebody is in the middle of something here: typing, or with a menu open.
export function busy(part) {
  if (!part) return false;
  const opened = [...part.querySelectorAll("details[open], dialog[open], [popover]")];
  if (opened.some((each) => !each.hasAttribute("popover") || each.matches(":popover-open"))) return true;
  if ([...part.querySelectorAll(FIELDS)].some(typedInto)) return true;
  return part.contains(document.activeElement) && document.activeElement.matches(FIELDS);
}

const CARRIED = "[data-dragging], .card--lifted, .card--carried";
export const dragging = (board) => board.matches(CARRIED) || Boolean(board.querySelector(CARRIED));

// Do something to a part of the page, and leave the focus where it was.
export function keepingFocus(part, change) {
  const active = document.activeElement;
  const inside = part.contains(active) && active !== part;
  const at = inside ? [...part.querySelectorAll(FOCUSABLE)].indexOf(active) : -1;
  const whole = active === part;
  const fresh = change() ?? part;
  if (!whole && !inside) return fresh;
  const target = (inside && ((active.id && document.getElementById(active.id)) || fresh.querySelectorAll(FOCUSABLE)[at])) || fresh;
  if (target !== document.activeElement) target.focus({ preventScroll: true });
  return fresh;
}

const cardsIn = (part) => [...part.querySelectorAll(".card[data-key]")];
export const cardOf = (board, key) => board.querySelector(`.card[data-key="${CSS.escape(key)}"]`);

// A board that is split by release or assignee has a cell of each stage in each of its rows.
function cellFor(board, stage, squad, row) {
  const cells = [...board.querySelectorAll(`[data-stage="${CSS.escape(stage)}"]`)].filter((each) => !each.matches(".card"));
  return cells.find((each) => (!squad || !each.dataset.squad || each.dataset.squad === squad) && each.dataset.row === row);
}

const rowOf = (card) => card?.closest("[data-row]")?.dataset.row;

// Where in a cell a card of this rank stands: [parent, the card after it or null].
function placeIn(cell, card) {
  const others = cardsIn(cell).filter((each) => each !== card);
  const after = others.find((each) => Number(each.dataset.rank) > Number(card.dataset.rank));
  if (after) return [after.parentNode, after];
  const last = others.at(-1);
  return last ? [last.parentNode, last.nextElementSibling === card ? card.nextElementSibling : last.nextElementSibling] : [cell, null];
}

function move(card, cell) {
  const [parent, after] = placeIn(cell, card);
  if (card.parentNode === parent && card.nextElementSibling === after) return;
  keepingFocus(card, () => void parent.insertBefore(card, after));
}

// Put a card where it belongs, made anew if what it shows has changed. False when the board has no such place.
export function put(board, fresh, row = rowOf(cardOf(board, fresh.dataset.key))) {
  const cell = cellFor(board, fresh.dataset.stage, fresh.dataset.squad, row);
  if (!cell) return false;
  const old = cardOf(board, fresh.dataset.key);
  if (!old) {
    move(fresh, cell);
  } else if (old.dataset.version === fresh.dataset.version) {
    Object.assign(old.dataset, { stage: fresh.dataset.stage, rank: fresh.dataset.rank });
    move(old, cell);
    return true;
  } else {
    keepingFocus(old, () => {
      old.replaceWith(fresh);
      const [parent, after] = placeIn(cell, fresh);
      if (fresh.parentNode !== parent || fresh.nextElementSibling !== after) parent.insertBefore(fresh, after);
      return fresh;
    });
  }
  fresh.dataset.fresh = "";
  setTimeout(() => delete fresh.dataset.fresh, 2000);
  window.htmx?.process(fresh);
  return true;
}

function write(name, value, text) {
  for (const each of document.querySelectorAll(`[${attribute(name)}="${CSS.escape(value)}"]`))
    if (each.textContent !== text) each.textContent = text;
}

// Count anew what the columns, rows and figures of a whole board say.
export function recount(board) {
  const cards = cardsIn(board);
  const count = (field, value) => String(cards.filter((card) => !field || card.dataset[field] === value).length);
  const wanted = (name) => new Set([...document.querySelectorAll(`[${attribute(name)}]`)].map((each) => each.dataset[name]));
  for (const stage of wanted("count")) write("count", stage, stage === "all" ? count() : count("stage", stage));
  for (const type of wanted("countType")) write("countType", type, count("type", type));
  for (const squad of wanted("laneCount")) write("laneCount", squad, count("squad", squad));
  for (const squad of wanted("laneDone"))
    write("laneDone", squad, String(cards.filter((card) => card.dataset.squad === squad && card.dataset.stage === "rodeo_done").length));
  for (const stage of wanted("share"))
    write("share", stage, cards.length ? `${Math.round((100 * count("stage", stage)) / cards.length)}\u202f%` : "");
  strips(board);
}

function strips(board) {
  for (const head of board.querySelectorAll("[data-head]")) {
    const none = head.querySelector("[data-count]")?.textContent === "0";
    head.toggleAttribute("data-none", none);
    board.querySelector(`col[data-col="${CSS.escape(head.dataset.head)}"]`)?.classList.toggle("board__strip", none);
  }
}

const shape = (board) =>
  [...board.querySelectorAll("[data-stage]:not(.card), [data-more]")].map((each) => `${each.dataset.squad} ${each.dataset.stage} ${each.dataset.row ?? ""}`).join();

// Make a board say what the server's newest one says. False when somebody is in the middle of something that is in the way.
export function merge(board, fresh) {
  if (dragging(board)) return false;
  if (shape(board) !== shape(fresh) || !shape(fresh)) {
    if (busy(board)) return false;
    replaceAll(board, fresh);
  } else {
    const wanted = new Map(cardsIn(fresh).map((card) => [card.dataset.key, card]));
    const kept = cardsIn(board).filter((card) => busy(card) && stale(card, wanted.get(card.dataset.key)));
    for (const card of cardsIn(board)) if (!wanted.has(card.dataset.key) && !kept.includes(card)) card.remove();
    const rows = new Map([...wanted].map(([key, card]) => [key, rowOf(card)]));
    for (const [key, card] of wanted) if (!kept.some((each) => each.dataset.key === key)) put(board, card, rows.get(key));
    for (const name of SUMS)
      for (const each of fresh.querySelectorAll(`[${attribute(name)}]`)) write(name, each.dataset[name], each.textContent);
    strips(board);
    if (kept.length) return false;
  }
  for (const { name, value } of [...fresh.attributes]) if (name.startsWith("data-") || name === "hx-get") board.setAttribute(name, value);
  return true;
}

const stale = (card, fresh) => !fresh || fresh.dataset.version !== card.dataset.version || fresh.dataset.stage !== card.dataset.stage;

function replaceAll(board, fresh) {
  const places = [...board.querySelectorAll(".board__scroll, [data-scroll]")].map((each) => [each.scrollLeft, each.scrollTop]);
  const key = document.activeElement?.closest?.(".card[data-key]")?.dataset.key;
  keepingFocus(board, () => void board.replaceChildren(...fresh.childNodes));
  if (key) cardOf(board, key)?.querySelector(FOCUSABLE)?.focus({ preventScroll: true });
  [...board.querySelectorAll(".board__scroll, [data-scroll]")].forEach((each, at) => each.scrollTo(...(places[at] ?? [0, 0])));
  for (const name of SUMS)
    for (const each of board.querySelectorAll(`[${attribute(name)}]`)) write(name, each.dataset[name], each.textContent);
  window.htmx?.process(board);
}
