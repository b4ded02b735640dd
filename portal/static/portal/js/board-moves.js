// What the ways of moving a card share: one request a move, shown at once, and taken back with the reason when it is
// refused. Without scripts the menu of every card does the same.
import { ask, cardsOf, cellOf, count, landed, nameOf, refuse, say, shown, staysIn, titleOf } from "./board-cards.js";
import { openPart } from "./board-part.js";

const PEOPLE = ["todo", "in_progress", "dev_done"];
const KINDS = { integrated: "run", tested: "test", deployed: "deployment", rodeo_done: "acceptance" };

// Where a card stands, to put it back there.
export const spotOf = (card) => ({ cell: cellOf(card), next: card.nextElementSibling });
export function putBack(card, spot) {
  // Where its neighbour went or was made anew, its rank says where it stood.
  const isAfter = (each) => each !== card && Number(each.dataset.rank) > Number(card.dataset.rank);
  const next = !spot.next || spot.next.parentElement === spot.cell ? spot.next : cardsOf(spot.cell).find(isAfter);
  spot.cell.insertBefore(card, next ?? null);
  count();
}

// What putting a card into a column would do: nothing to ask, words that say why not, or the kind of evidence it wants.
export function verdict(card, cell, home = cellOf(card)) {
  const from = card.dataset.stage, to = cell.dataset.stage;
  if (from === to) return to === "rodeo_done" ? { why: "Rodeo done shows the newest first." } : {};
  if (!PEOPLE.includes(to)) return { kind: KINDS[to] };
  if (!PEOPLE.includes(from)) return { why: staysIn(card, home) };
  return { to };
}

// One request after the other: a card that is moved twice in a moment is moved twice, in that order.
let moving = Promise.resolve();
// The last move of each card that the server has not answered yet.
const newest = new Map();

// The card stands in its new place already; tell the server, and put it back if it says no.
function settle(card, spot) {
  const cell = cellOf(card), body = new FormData();
  const above = card.previousElementSibling, below = card.nextElementSibling;
  if (cell === spot.cell && below === spot.next) return;
  if (cell !== spot.cell) body.set("to", cell.dataset.stage);
  if (above) body.set("after", above.dataset.key);
  else if (below) body.set("before", below.dataset.key);
  count();
  const move = { card, spot, cell, body, next: null }, before = newest.get(card.id);
  if (before) follow(before, move);
  newest.set(card.id, move);
  moving = moving.then(() => tell(move)).catch(() => document.dispatchEvent(new Event("look")));
}

// A move begins where the one before it ended, or, where that was refused, where that one began.
function follow(before, move) {
  before.next = move;
  if (before.isRefused) move.spot = before.spot;
}

async function tell(move) {
  const said = await answerTo(move);
  move.isRefused = !said;
  if (move.isRefused && move.next) move.next.spot = move.spot;
  await landed();
  if (move.next) return;
  newest.delete(move.card.id);
  if (said) shown(said);
  else takeBack(move.card.id, move.spot);
}

// What the server says of a move; null where it refused it, and has been quoted.
async function answerTo({ card, cell, body }) {
  let words = "No answer from the server, so the card may not have moved. Try again.";
  try {
    const answer = await ask(`${card.querySelector(".card__title").pathname}place/`, body);
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      // The stream may have brought a newer card, and put it elsewhere.
      const place = cardsOf(cell).indexOf(document.getElementById(card.id)) + 1;
      say(`${titleOf(card)}: ${nameOf(cell)}${place ? `, place ${place} of ${cardsOf(cell).length}` : ""}.`);
      return said;
    }
    words = said.message ?? `The server refused it (${answer.status}), so the card wasn’t moved.`;
  } catch { /* the words above say it */ }
  refuse(words);
  return null;
}

// Only what is still on the page, and where it was put: the page may have been told better meanwhile.
function takeBack(id, spot) {
  const now = document.getElementById(id);
  if (!now || !spot.cell.isConnected) return document.dispatchEvent(new Event("look"));
  const focused = now.contains(document.activeElement);
  putBack(now, spot);
  if (focused) now.focus();
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
