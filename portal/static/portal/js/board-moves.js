// What the ways of moving a card share: one request a move, shown at once, and taken back with the reason when it is
// refused. Without scripts the menu of every card does the same.
import { ask, cardsOf, cellOf, count, nameOf, refuse, say, shown, staysIn, titleOf } from "./board-cards.js";
import { openPart } from "./board-part.js";

const PEOPLE = ["todo", "in_progress", "dev_done"];
const KINDS = { integrated: "run", tested: "test", deployed: "deployment", rodeo_done: "acceptance" };

// Where a card stands, to put it back there.
export const spotOf = (card) => ({ cell: cellOf(card), next: card.nextElementSibling });
export function putBack(card, spot) {
  const next = spot.next?.parentElement === spot.cell ? spot.next : null;
  spot.cell.insertBefore(card, next);
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
