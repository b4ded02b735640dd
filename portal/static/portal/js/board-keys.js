// The board by keys, while a card has the focus: j k h l or arrows walk; m or Space lifts, arrows carry, Enter puts down,
// Escape takes back; a assigns; o opens. From nowhere, j k h or l goes to the card where one was last, unless keys are switched off.
import { cardsOf, cellIn, cellOf, nameOf, refuse, say, titleOf, writable } from "./board-cards.js";
import { drop, putBack, spotOf, verdict } from "./board-moves.js";

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], k: [0, -1], j: [0, 1], h: [-1, 0], l: [1, 0] };
let held = null;

export const lifted = () => Boolean(held);
// Folded columns are passed over.
const lanes = () => [...document.querySelectorAll("#board .lane:not([data-folded])")];

// One card is a stop of the Tab key; the arrows lead to the others.
function rove(card) {
  document.querySelectorAll("#board .card[tabindex='0']").forEach((each) => { each.tabIndex = -1; });
  if (card) card.tabIndex = 0;
}

function show(card) {
  rove(card);
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function walk(card, [across, along]) {
  const all = lanes(), cell = cellOf(card), at = cardsOf(cell).indexOf(card);
  if (along) {
    const column = [...cell.closest(".lane").querySelectorAll(".card")];
    return column[column.indexOf(card) + along];
  }
  for (let index = all.indexOf(cell.closest(".lane")) + across; all[index]; index += across) {
    const there = cardsOf(cellIn(all[index], cell));
    if (there.length) return there[Math.min(at, there.length - 1)];
    const any = all[index].querySelector(".card");
    if (any) return any;
  }
}

function aim(cell) {
  document.querySelectorAll(".lane[data-target]").forEach((each) => each.removeAttribute("data-target"));
  held.aimed = cell;
  if (!cell) return;
  const { why, kind } = verdict(held.card, cell, held.spot.cell);
  cell.closest(".lane").dataset.target = why ? "no" : kind ? "ask" : "yes";
  return { why, kind };
}

function carry([across, along]) {
  const { card } = held, at = held.aimed ?? cellOf(card);
  if (along) {
    if (held.aimed !== cellOf(card)) return say("Only evidence moves a story here. Enter adds some; Left or Right goes on.");
    const other = along < 0 ? card.previousElementSibling : card.nextElementSibling;
    if (other) cellOf(card).insertBefore(along < 0 ? card : other, along < 0 ? other : card);
  } else {
    const all = lanes(), lane = all[all.indexOf(at.closest(".lane")) + across];
    if (!lane) return;
    const cell = cellIn(lane, at);
    const { why, kind } = aim(cell);
    if (why || kind) putBack(card, held.spot);
    else cell.insertBefore(card, cardsOf(cell)[held.place] ?? null);
    cell.closest(".lane").scrollIntoView({ block: "nearest", inline: "nearest" });
    if (kind) { card.focus({ preventScroll: true }); return say(`${nameOf(cell)}: Enter adds evidence by hand.`); }
    if (why) { card.focus({ preventScroll: true }); return say(why); }
  }
  show(card);
  const there = cardsOf(cellOf(card));
  say(`${nameOf(cellOf(card))}, place ${there.indexOf(card) + 1} of ${there.length}.`);
}

function lift(card) {
  if (!writable) return refuse("Only members of this squad can move its cards.");
  card.querySelector(".card__menu")?.removeAttribute("open");
  held = { card, spot: spotOf(card), aimed: null, place: cardsOf(cellOf(card)).indexOf(card) };
  aim(cellOf(card));
  card.classList.add("card--carried");
  say(`${titleOf(card)} picked up from ${nameOf(cellOf(card))}. Arrow keys move it, Enter drops it, Escape cancels.`);
}

function letGo() {
  const was = held;
  document.querySelectorAll(".lane[data-target]").forEach((each) => each.removeAttribute("data-target"));
  was.card.classList.remove("card--carried");
  held = null;
  return was;
}

function whileHeld(event) {
  if (STEPS[event.key]) carry(STEPS[event.key]);
  else if (event.key === "Enter" || event.key === " " || event.key === "m") {
    const { card, spot, aimed } = letGo();
    drop(card, spot, aimed);
    card.focus({ preventScroll: true });
  } else if (event.key === "Escape" || event.key === "Tab") {
    const { card, spot } = letGo();
    putBack(card, spot);
    show(card);
    say(`${titleOf(card)} is back where it was.`);
    if (event.key === "Tab") return;
  } else return;
  event.preventDefault();
}

function begin(event) {
  const nowhere = event.target === document.body || event.target.id === "main";
  const last = document.querySelector("#board .card[tabindex='0']");
  if (!nowhere || !last || !"jkhl".includes(event.key) || !document.querySelector("[data-keys='switch']")?.checked) return;
  event.preventDefault();
  show(last);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (held) return whileHeld(event);
  const card = event.target.closest?.("#board .card");
  if (!card) return begin(event);
  if (event.target.closest(".menu")) return;
  const own = event.target === card;
  if (STEPS[event.key]) {
    const next = walk(card, STEPS[event.key]);
    if (next) show(next);
  } else if (event.key === "m" || (own && event.key === " ")) lift(card);
  else if (event.key === "a" && writable) card.querySelector('.menu a[href$="/assignees/"]')?.click();
  else if (event.key === "o" || (own && event.key === "Enter")) card.querySelector(".card__title").click();
  else return;
  event.preventDefault();
});
document.addEventListener("focusin", (event) => { const card = event.target.closest?.("#board .card"); if (card) rove(card); });
document.addEventListener("htmx:afterSettle", () => rove(document.activeElement.closest?.(".card") ?? document.querySelector("#board .card")));
rove(document.querySelector("#board .card"));
