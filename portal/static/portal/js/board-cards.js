// The cards of a board: finding them, counting them, asking the server about one and showing its answer.
import { dragging } from "./cards.js";

const place = document.getElementById("place");
const token = place?.querySelector("[name='csrfmiddlewaretoken']")?.value;
export const writable = Boolean(place?.hasAttribute("data-writable"));
export const staysIn = (card, cell) => place.dataset.stays.replace("{key}", card.dataset.key).replace("{stage}", nameOf(cell));
const says = document.getElementById("board-says");
const refuses = document.getElementById("board-refuses");
let silence = 0;

export const say = (words) => { says.textContent = words; };

export function refuse(words) {
  refuses.textContent = words;
  refuses.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { refuses.hidden = true; }, 12000);
}

// The cell of a column that stands in the same row as another cell: on a board with lanes, cards keep theirs.
export const cellIn = (lane, like) => [...lane.querySelectorAll(".lane__cards")].find((each) => each.dataset.row === like.dataset.row);
export const cellOf = (card) => card.closest("[data-stage][data-squad]");
export const cardsOf = (cell) => [...cell.querySelectorAll(":scope > .card")];
export const nameOf = (cell) => cell.closest(".lane").querySelector("h2 > a").textContent;
export const titleOf = (card) => `${card.dataset.key} ${card.querySelector(".card__title").textContent}`;

export function count() {
  for (const lane of document.querySelectorAll("#board .lane")) {
    const shown = lane.querySelector("[data-count]");
    for (const cell of lane.querySelectorAll(".lane__cards")) {
      const now = cardsOf(cell).length;
      shown.textContent = Number(shown.textContent) + now - Number(cell.dataset.cards ?? now);
      cell.dataset.cards = now;
    }
    lane.classList.toggle("lane--empty", !lane.querySelector(".card"));
    const total = document.querySelector("#board[data-filtered]") ? NaN : Number(shown.textContent);
    if (lane.dataset.limit && !Number.isNaN(total)) lane.toggleAttribute("data-over", total > Number(lane.dataset.limit));
  }
}

// Whether the stream brings the card in a moment, so that the answer need not.
const streamed = () => document.documentElement.dataset.live === "on" && !document.querySelector("#board:is([data-filtered], [data-grouped])");

export async function ask(url, body, part) {
  body.set("csrfmiddlewaretoken", token);
  const headers = { Accept: part ? "application/json, text/html;q=0.9" : "application/json" };
  if (part) headers["X-Part"] = "1";
  else if (!streamed()) headers["X-Card"] = "1";
  return fetch(url, { method: "POST", body, headers });
}

// A card in somebody's hand is not exchanged under it: what has come waits until the hand is empty.
export async function landed() {
  while (dragging(document.getElementById("board"))) await new Promise((done) => { setTimeout(done, 100); });
}

export function shown(said) {
  const old = document.getElementById(`card-${said.key}`);
  if (old && said.html === undefined) return awaited(old, said);
  const fresh = new DOMParser().parseFromString(said.html, "text/html").body.firstElementChild;
  if (!old || !fresh) return;
  const focused = old.contains(document.activeElement), lane = document.getElementById(`lane-${said.stage}`)?.closest(".lane"), cell = lane && cellIn(lane, cellOf(old));
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

// What the stream tells may be lost: a card that does not come is asked for. A new place in its column changes nothing else.
function awaited(card, said) {
  const moved = card.dataset.stage !== said.stage, { version } = card.dataset;
  [card.dataset.stage, card.dataset.rank] = [said.stage, said.rank];
  if (moved) setTimeout(() => {
    if (document.getElementById(card.id)?.dataset.version === version) document.dispatchEvent(new Event("look"));
  }, 2000);
}
