// The squad board: cards are moved by mouse or finger (board-drag.js) and by keys (board-keys.js).
import { dragging } from "./board-drag.js";
import { lifted } from "./board-keys.js";
import { cardsOf, count } from "./board-cards.js";
import { folding } from "./board-fold.js";
import { openPart } from "./board-part.js";

document.addEventListener("click", (event) => {
  const link = event.target.closest("#board a[data-part]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  openPart(link.href);
});

// A poll never takes away what somebody holds, reads or has open.
let kept = null;
const board = () => document.getElementById("board");
const busy = () => dragging() || lifted() || board().querySelector("details[open]:not(.lane__add), .lane__add:focus-within") || document.querySelector("dialog[open]");
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === board() && (busy() || document.documentElement.dataset.live === "on" && event.detail.requestConfig.triggeringEvent?.type !== "look")) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target !== board()) return;
  if (busy()) event.detail.shouldSwap = false;
  kept = { left: board().querySelector(".lanes")?.scrollLeft ?? 0, focus: document.activeElement?.closest(".card")?.id };
});
document.addEventListener("htmx:afterSettle", () => {
  if (!kept) return;
  const lanes = board().querySelector(".lanes");
  if (lanes) lanes.scrollLeft = kept.left;
  if (kept.focus && document.activeElement === document.body) document.getElementById(kept.focus)?.focus();
  kept = null;
  count();
});
folding();
// Cards that the stream brought (live.js) change the sums by their number; a whole fresh board brings its own.
document.addEventListener("rodeo:cards", (event) => {
  if (event.detail.bySums) for (const cell of board().querySelectorAll(".lane__cards")) cell.dataset.cards = cardsOf(cell).length;
  count();
});
count();
