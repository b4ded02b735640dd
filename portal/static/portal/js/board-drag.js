// Dragging a card with the mouse, or with a finger that rests on it for a moment; Escape takes it back.
import { cardsOf, cellIn, nameOf, say, titleOf, writable } from "./board-cards.js";
import { drop, putBack, spotOf, verdict } from "./board-moves.js";

const FAR = 6, REST = 350, EDGE = 56;
// Between the press and the drag, a card may have been exchanged for a newer one, or have gone.
const liftNow = ({ card, event }) => { const now = document.getElementById(card.id); if (now) lift(now, event); return Boolean(now); };
let held = null, waiting = null, frame = 0;

export const dragging = () => Boolean(held);

function lift(card, event) {
  const box = card.getBoundingClientRect();
  held = { card, spot: spotOf(card), x: event.clientX, y: event.clientY, dx: event.clientX - box.left, dy: event.clientY - box.top, cell: null, pointer: event.pointerId };
  held.ghost = card.cloneNode(true);
  held.ghost.removeAttribute("id");
  held.ghost.querySelectorAll("[id]").forEach((each) => each.removeAttribute("id"));
  held.ghost.classList.add("card--ghost");
  held.ghost.setAttribute("aria-hidden", "true");
  held.ghost.style.setProperty("--wide", `${box.width}px`);
  document.body.append(held.ghost);
  card.classList.add("card--lifted");
  document.documentElement.classList.add("is-dragging");
  getSelection()?.removeAllRanges();
  say(`${titleOf(card)} lifted.`);
  follow();
  frame = requestAnimationFrame(scroll);
}

function follow() {
  held.ghost.style.setProperty("--x", `${held.x - held.dx}px`);
  held.ghost.style.setProperty("--y", `${held.y - held.dy}px`);
  // A column counts down to the end of the page: columns shrink and grow while cards come and go.
  const lane = [...document.querySelectorAll("#board .lane")].find((each) => {
    const box = each.getBoundingClientRect();
    return held.x >= box.left && held.x <= box.right && held.y >= box.top - EDGE;
  });
  const cell = lane ? cellIn(lane, held.spot.cell) : null;
  if (held.cell !== cell) held.cell?.closest(".lane").removeAttribute("data-target");
  held.cell = cell;
  if (!cell) return;
  const { why, kind } = verdict(held.card, cell, held.spot.cell);
  cell.closest(".lane").dataset.target = why ? "no" : kind ? "ask" : "yes";
  if (why || kind) return putBack(held.card, held.spot);
  const below = cardsOf(cell).find((each) => {
    const box = each.getBoundingClientRect();
    return each !== held.card && held.y < box.top + box.height / 2;
  });
  if (held.card.parentElement !== cell || held.card.nextElementSibling !== (below ?? null)) cell.insertBefore(held.card, below ?? null);
}

function scroll() {
  if (!held) return;
  const lanes = document.querySelector(".lanes"), box = lanes.getBoundingClientRect();
  const pull = (at, low, high) => (at < low + EDGE ? -1 : at > high - EDGE ? 1 : 0) * 14;
  const left = lanes.scrollLeft, top = scrollY;
  lanes.scrollLeft += pull(held.x, Math.max(box.left, 0), Math.min(box.right, innerWidth));
  scrollBy(0, pull(held.y, 0, innerHeight));
  if (lanes.scrollLeft !== left || scrollY !== top) follow();
  frame = requestAnimationFrame(scroll);
}

function letGo() {
  const was = held;
  held = null;
  cancelAnimationFrame(frame);
  was.ghost.remove();
  was.card.classList.remove("card--lifted");
  was.cell?.closest(".lane").removeAttribute("data-target");
  document.documentElement.classList.remove("is-dragging");
  return was;
}

function cancel() {
  clearTimeout(waiting?.timer);
  waiting = null;
  if (!held) return;
  const { card, spot } = letGo();
  putBack(card, spot);
  say(`${titleOf(card)} is back where it was: ${nameOf(spot.cell)}.`);
}

document.addEventListener("pointerdown", (event) => {
  const card = event.target.closest?.("#board .card");
  if (!writable || !card || event.button || held || event.target.closest(".card__menu")) return;
  waiting = { card, event, timer: 0 };
  if (event.pointerType !== "mouse") waiting.timer = setTimeout(() => { const rested = waiting; waiting = null; liftNow(rested); }, REST);
});
document.addEventListener("pointermove", (event) => {
  if (held) {
    [held.x, held.y] = [event.clientX, event.clientY];
    return follow();
  }
  if (!waiting || Math.hypot(event.clientX - waiting.event.clientX, event.clientY - waiting.event.clientY) < FAR) return;
  const pressed = waiting;
  clearTimeout(pressed.timer);
  waiting = null;
  if (pressed.event.pointerType === "mouse" && liftNow(pressed)) { [held.x, held.y] = [event.clientX, event.clientY]; follow(); }
});
document.addEventListener("pointerup", () => {
  clearTimeout(waiting?.timer);
  waiting = null;
  if (!held) return;
  // The click that follows belongs to the drag, not to the title under it.
  const swallow = (event) => { event.preventDefault(); event.stopPropagation(); };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }), 50);
  const { card, spot, cell } = letGo();
  if (cell) drop(card, spot, cell);
  else { putBack(card, spot); say(`${titleOf(card)} is back where it was.`); }
});
document.addEventListener("pointercancel", cancel);
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && held) { event.preventDefault(); cancel(); } });
document.addEventListener("touchmove", (event) => { if (held) event.preventDefault(); }, { passive: false });
document.addEventListener("contextmenu", (event) => { if (held) event.preventDefault(); });
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("#board .card")) event.preventDefault(); });
addEventListener("blur", cancel);
