// What the ways of moving a card share: one request a move, shown at once, and taken back with the reason when it is
// refused. Without scripts the menu of every card does the same.
import { openPart } from "./board-part.js";

const place = document.getElementById("place");
const token = place?.querySelector("[name='csrfmiddlewaretoken']")?.value;
export const writable = Boolean(place?.hasAttribute("data-writable"));
const says = document.getElementById("board-says");
const refuses = document.getElementById("board-refuses");
const PEOPLE = ["todo", "in_progress", "dev_done"];
const KINDS = { integrated: "run", tested: "test", deployed: "deployment", rodeo_done: "acceptance" };
let silence = 0;

export const say = (words) => { says.textContent = words; };

export function refuse(words) {
  refuses.textContent = words;
  refuses.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { refuses.hidden = true; }, 12000);
}

export const cellOf = (card) => card.closest("[data-stage][data-squad]");
export const cardsOf = (cell) => [...cell.querySelectorAll(":scope > .card")];
export const nameOf = (cell) => cell.closest(".lane").querySelector("h2 > a").textContent;
export const titleOf = (card) => `${card.dataset.key} ${card.querySelector(".card__title").textContent}`;

// Where a card stands, to put it back there.
export const spotOf = (card) => ({ cell: cellOf(card), next: card.nextElementSibling });
export function putBack(card, spot) {
  const next = spot.next?.parentElement === spot.cell ? spot.next : null;
  spot.cell.insertBefore(card, next);
  count();
}

export function count() {
  for (const cell of document.querySelectorAll("#board .lane__cards")) {
    const lane = cell.closest(".lane"), shown = lane.querySelector("[data-count]");
    const before = Number(cell.dataset.cards ?? cardsOf(cell).length), now = cardsOf(cell).length;
    shown.textContent = Number(shown.textContent) + now - before;
    cell.dataset.cards = now;
    lane.classList.toggle("lane--empty", now === 0);
    const total = document.querySelector("#board[data-filtered]") ? NaN : Number(shown.textContent);
    if (lane.dataset.limit && !Number.isNaN(total)) lane.toggleAttribute("data-over", total > Number(lane.dataset.limit));
  }
}

// What putting a card into a column would do: nothing to ask, words that say why not, or the kind of evidence it wants.
export function verdict(card, cell, home = cellOf(card)) {
  const from = card.dataset.stage, to = cell.dataset.stage;
  if (from === to) return to === "rodeo_done" ? { why: "Rodeo done shows the newest first." } : {};
  if (!PEOPLE.includes(to)) return { kind: KINDS[to] };
  if (!PEOPLE.includes(from)) {
    return { why: place.dataset.stays.replace("{key}", card.dataset.key).replace("{stage}", nameOf(home)) };
  }
  return { to };
}

// Whether the stream brings the card in a moment, so that the answer need not.
const streamed = () => document.documentElement.dataset.live === "on" && !document.querySelector("#board[data-filtered]");

export async function ask(url, body, part) {
  body.set("csrfmiddlewaretoken", token);
  const headers = { Accept: part ? "application/json, text/html;q=0.9" : "application/json" };
  if (part) headers["X-Part"] = "1";
  else if (!streamed()) headers["X-Card"] = "1";
  return fetch(url, { method: "POST", body, headers });
}

export function shown(said) {
  const old = document.getElementById(`card-${said.key}`);
  if (old && said.html === undefined) return awaited(old, said);
  const fresh = new DOMParser().parseFromString(said.html, "text/html").body.firstElementChild;
  if (!old || !fresh) return;
  const focused = old.contains(document.activeElement), cell = document.querySelector(`.lane__cards[data-stage="${said.stage}"]`);
  if (cell && cell !== cellOf(old)) {
    old.remove();
    const after = cardsOf(cell).find((each) => Number(each.dataset.rank) > said.rank);
    cell.insertBefore(fresh, after ?? null);
  } else {
    old.replaceWith(fresh);
  }
  count();
  if (focused) fresh.focus();
}

// What the stream tells may be lost: a card that does not come is asked for.
function awaited(card, said) {
  if (card.dataset.version === said.version) return;
  [card.dataset.stage, card.dataset.rank] = [said.stage, said.rank];
  setTimeout(() => {
    if (document.getElementById(card.id)?.dataset.version === card.dataset.version && card.isConnected) document.dispatchEvent(new Event("look"));
  }, 2000);
}

// The card stands in its new place already; tell the server, and put it back if it says no.
export async function settle(card, spot) {
  const cell = cellOf(card), body = new FormData(), url = `${card.querySelector(".card__title").pathname}place/`;
  const above = card.previousElementSibling, below = card.nextElementSibling;
  if (cell === spot.cell && below === spot.next) return;
  if (cell.dataset.stage !== card.dataset.stage) body.set("to", cell.dataset.stage);
  if (above) body.set("after", above.dataset.key);
  else if (below) body.set("before", below.dataset.key);
  count();
  let words = "No answer from the server: nothing was moved. Try again.";
  try {
    const answer = await ask(url, body);
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      say(`${titleOf(card)}: ${nameOf(cell)}, place ${cardsOf(cell).indexOf(card) + 1} of ${cardsOf(cell).length}.`);
      return shown(said);
    }
    words = said.message ?? `The server refused it (${answer.status}): nothing was moved.`;
  } catch { /* the words above say it */ }
  const focused = card.contains(document.activeElement);
  const now = document.getElementById(card.id) ?? card;
  putBack(now, spot.cell.isConnected ? spot : { cell: cellOf(now), next: now.nextElementSibling });
  if (focused) now.focus();
  refuse(words);
}

// Ends a move: what the column asks for happens, or is said.
export function drop(card, spot, cell) {
  const { why, kind } = verdict(card, cell, spot.cell);
  if (why || kind) {
    putBack(card, spot);
    if (why) refuse(why);
    else openPart(`${card.querySelector(".card__title").pathname}by-hand/?kind=${kind}`);
    return;
  }
  settle(card, spot);
}
