// The session of a retrospective. Parts follow what others do; forms are sent without leaving the page; the timer counts
// down by the server's clock; cards are dragged to a group; own cards are kept here until they are revealed.

import { OwnCards } from "./own-cards.js";
import { follow, refresh } from "./parts.js";

const root = document.getElementById("session");
const said = document.getElementById("session-error");
const ahead = Date.now() - Date.parse(root.dataset.now);

function show(message) {
  said.textContent = message;
  said.hidden = !message;
}

export async function send(url, body) {
  const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (answer.ok) return answer.status === 204 ? {} : answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.message ?? "Rodeo didn’t take this. Reload the page and try again.");
}

// Sends, shows what is refused, and looks what is so now; returns the answer, or nothing where it was refused.
async function act(url, body) {
  let answer;
  try {
    answer = await send(url, body);
    show("");
  } catch (error) {
    show(error instanceof TypeError ? "Rodeo didn’t answer. Nothing was saved. Try again." : error.message);
  }
  await look();
  return answer;
}

async function look() {
  try {
    await refresh(root);
  } catch (error) {
    console.debug("Rodeo did not answer:", error);
  }
  changed();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-session-form]")) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const focus = event.submitter?.id;
  const answer = await act(form.action, body);
  if (!answer) return;
  for (const field of form.querySelectorAll("textarea")) field.value = field.defaultValue = "";
  for (const box of document.querySelectorAll("input[name='card']:checked")) box.checked = false;
  const again = focus && document.getElementById(focus);
  if (again && document.activeElement === document.body) again.focus({ preventScroll: true });
});

// The phase

// What is written, and whom it is shown to, is another page in each phase; text that isn't sent yet stays on this one.
function changed() {
  const now = root.querySelector(".phases")?.dataset.phase;
  if (!now || now === root.dataset.phase) return tick();
  const unsent = [...root.querySelectorAll("[data-write] textarea")].some((field) => field.value.trim());
  if (!unsent) return location.reload();
  show("The phase changed before you sent your text, so it’s not saved. Copy it, then reload the page.");
  return tick();
}

new MutationObserver(changed).observe(root, { childList: true });

// The timer

function tick() {
  const timer = root.querySelector("[data-ends]");
  if (!timer) return;
  const left = Math.round((Date.parse(timer.dataset.ends) - Date.now() + ahead) / 1000);
  const place = timer.querySelector(".timer__left");
  const two = (number) => String(number).padStart(2, "0");
  if (left <= 0) place.textContent = "Time’s up";
  else if (left >= 86_400) place.textContent = `${Math.floor(left / 86_400)} d ${Math.floor((left % 86_400) / 3600)} h`;
  else if (left >= 3600) place.textContent = `${Math.floor(left / 3600)}:${two(Math.floor((left % 3600) / 60))}:${two(left % 60)}`;
  else place.textContent = `${Math.floor(left / 60)}:${two(left % 60)}`;
}

setInterval(tick, 500);
tick();

// Dragging

let dragged;

root.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-card]")?.dataset.card;
  if (dragged) event.dataTransfer.effectAllowed = "move";
});

root.addEventListener("dragover", (event) => {
  const over = dragged && (event.target.closest("[data-group]") ?? event.target.closest(".sessionboard"));
  for (const each of root.querySelectorAll(".cardgroup[data-over]")) if (each !== over) delete each.dataset.over;
  if (!over) return;
  event.preventDefault();
  if (over.matches("[data-group]")) over.dataset.over = "";
});

root.addEventListener("drop", async (event) => {
  const group = event.target.closest("[data-group]")?.dataset.group ?? "own";
  const form = document.getElementById("session-move");
  for (const each of root.querySelectorAll(".cardgroup[data-over]")) delete each.dataset.over;
  if (!dragged || !form) return;
  event.preventDefault();
  const body = new FormData(form);
  body.delete("card");
  body.append("card", dragged);
  body.set("to", group);
  dragged = undefined;
  await act(form.action, body);
});

root.addEventListener("dragend", () => (dragged = undefined));

follow(root);
new OwnCards(root, send, show);
