// A title typed at the top of a column becomes a story there, and the next one can be typed at once.
import { cardsOf, count, refuse, say } from "./board-cards.js";

const board = () => document.getElementById("board");
const fieldOf = (stage) => board().querySelector(`.lane__add input[form="add-${stage}"]`);

// On a whole board the card goes where its rank says; a part of a board is asked for anew.
function show(said, stage) {
  const lane = fieldOf(stage)?.closest(".lane"), here = board();
  if (!lane || here.matches("[data-filtered], [data-grouped]") || lane.querySelector("[data-more]")) {
    lane?.querySelector(".lane__add").removeAttribute("open");
    document.addEventListener("rodeo:cards", () => again(stage), { once: true });
    return document.dispatchEvent(new Event("look"));
  }
  if (!document.getElementById(`card-${said.key}`)) {
    const card = new DOMParser().parseFromString(said.html, "text/html").body.firstElementChild;
    const cell = lane.querySelector(".lane__cards"), after = cardsOf(cell).find((each) => Number(each.dataset.rank) > said.rank);
    cell.insertBefore(card, after ?? null);
    count();
  }
  again(stage);
}

function again(stage) {
  const field = fieldOf(stage);
  if (!field) return;
  field.closest("details").open = true;
  field.focus();
}

async function add(form) {
  const stage = form.elements.to.value, field = fieldOf(stage);
  const headers = { Accept: "application/json" };
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) return refuse(said.message ?? `The server refused it (${answer.status}): nothing was added.`);
    field.value = "";
    say(said.message);
    show(said, stage);
  } catch {
    refuse("No answer from the server. Reload the page to see whether it was added.");
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-add]")) return;
  event.preventDefault();
  add(event.target);
});
// At once, not when the browser says it is open: whoever types on loses nothing.
document.addEventListener("click", (event) => {
  const closed = event.target.closest?.(".lane__add:not([open]) > summary");
  if (!closed) return;
  event.preventDefault();
  closed.parentElement.open = true;
  closed.parentElement.querySelector("input").focus();
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.(".lane__add[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
