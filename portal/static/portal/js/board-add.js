// A title typed at the top of a column becomes a story there, and the next one can be typed at once.
import { cardsOf, count, refuse, say } from "./board-cards.js";

const board = () => document.getElementById("board");
const fieldOf = (stage) => board().querySelector(`.lane__add input[form="add-${stage}"]`);

// On a whole board the card goes where its rank says; a part of a board is asked for anew.
function show(said, stage) {
  const field = fieldOf(stage), lane = field?.closest(".lane"), here = board();
  // Whoever went elsewhere meanwhile stays there; what is typed already for the next one stays too.
  const typed = field?.closest("details").contains(document.activeElement) ? field.value : null;
  if (!lane || here.matches("[data-filtered], [data-grouped]") || lane.querySelector("[data-more]")) {
    lane?.querySelector(".lane__add").removeAttribute("open");
    document.addEventListener("rodeo:cards", () => again(stage, typed), { once: true });
    return document.dispatchEvent(new Event("look"));
  }
  if (!document.getElementById(`card-${said.key}`)) {
    const card = new DOMParser().parseFromString(said.html, "text/html").body.firstElementChild;
    const cell = lane.querySelector(".lane__cards"), after = cardsOf(cell).find((each) => Number(each.dataset.rank) > said.rank);
    cell.insertBefore(card, after ?? null);
    count();
  }
  again(stage, typed);
}

function again(stage, typed) {
  const field = fieldOf(stage);
  if (!field || typed === null) return;
  field.closest("details").open = true;
  field.value ||= typed;
  field.focus();
}

// One after the other, in the order they were typed; the field is free for the next one at once.
let adding = Promise.resolve();

function add(form) {
  const stage = form.elements.to.value, field = fieldOf(stage), body = new FormData(form), title = field.value;
  field.value = "";
  if (title.trim()) adding = adding.then(() => send(form.action, body, stage, title));
}

async function send(url, body, stage, title) {
  try {
    const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) return refused(said.message ?? `The server refused it (${answer.status}): nothing was added.`, stage, title);
    say(said.message);
    show(said, stage);
  } catch {
    refused("No answer from the server. Reload the page to see whether it was added.", stage, title);
  }
}

// The title is back in its field, or, where the next one is typed there, in the words.
function refused(words, stage, title) {
  const field = fieldOf(stage);
  refuse(field?.value ? `${title}: ${words}` : words);
  if (field && !field.value) field.value = title;
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
