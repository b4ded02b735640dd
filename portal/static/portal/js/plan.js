// Planning a release: stories are dragged from one list to the other and, by members of their squad, to another place. The
// buttons of a story do the same, by mouse, by finger, by keys and without scripts. Several are selected with their boxes: Shift
// selects a range, and in a row x selects too; one press plans all of them.

const plan = () => document.getElementById("plan");
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
let held = null;

function refuse(words) {
  const place = document.getElementById("plan-refuses");
  place.textContent = words;
  place.hidden = !words;
}

// Nothing is exchanged under somebody's hand.
async function landed() {
  while (held) await new Promise((done) => { setTimeout(done, 100); });
}

// The page as it is now; the button that was pressed keeps the focus, or the first of the same story.
async function refresh(name) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  const fresh = answer.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("plan") : null;
  await landed();
  if (!fresh) return location.reload();
  // Only now: whoever went elsewhere meanwhile stays there.
  const focused = document.activeElement?.closest("#plan li")?.id, pressed = document.activeElement?.name;
  const chosen = new Set(name ? [] : boxes().filter((each) => each.checked).map((each) => each.value));
  plan().replaceWith(fresh);
  for (const each of boxes()) each.checked = chosen.has(each.value);
  ready();
  const row = focused && document.getElementById(focused);
  (row?.querySelector(`button[name="${CSS.escape(pressed ?? "")}"]`) ?? row?.querySelector("button"))?.focus();
  if (name) document.getElementById("plan-says").textContent = name;
}

// One after the other, so that the page shown last is the newest.
let sending = Promise.resolve();
const send = (values, said) => { sending = sending.then(() => tell(values, said)); };

async function tell(values, said) {
  const body = new FormData();
  for (const [name, value] of Object.entries(values)) {
    for (const each of [value].flat()) if (each) body.append(name, each);
  }
  let words = "";
  try {
    const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
    const answer = await fetch(location.pathname, { method: "POST", body, headers });
    if (!answer.ok) words = (await answer.json().catch(() => ({}))).message ?? `This couldn’t be done (${answer.status}).`;
  } catch {
    words = "No answer from the server, so this may not be saved. Try again.";
  }
  refuse(words);
  await refresh(words ? "" : said).catch(() => refuse("No answer from the server. Reload the page to see the plan as it is now."));
}

const listAt = (event) => event.target.closest?.("#plan .plan__list, #plan section")?.closest("section").querySelector(".plan__list");

function drop() {
  const { row, list, next } = held, to = row.parentElement;
  if (to === list && row.nextElementSibling === next) return;
  const values = { key: row.dataset.key, to: to === list ? "" : to.dataset.to };
  if (plan().hasAttribute("data-ordering")) {
    if (row.previousElementSibling) values.after = row.previousElementSibling.dataset.key;
    else if (row.nextElementSibling) values.before = row.nextElementSibling.dataset.key;
  }
  send(values, `${row.dataset.key} moved.`);
}

document.addEventListener("dragstart", (event) => {
  const row = event.target.closest?.("#plan li[draggable]");
  if (!row) return;
  held = { row, list: row.parentElement, next: row.nextElementSibling, done: false };
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", row.dataset.key);
  row.classList.add("plan__dragged");
});
document.addEventListener("dragover", (event) => {
  const list = held && listAt(event);
  if (!list) return;
  const orders = plan().hasAttribute("data-ordering");
  if (!orders && list === held.list) return;
  event.preventDefault();
  for (const each of plan().querySelectorAll(".plan__list")) each.toggleAttribute("data-target", each === list);
  const below = [...list.children].find((each) => {
    const box = each.getBoundingClientRect();
    return each !== held.row && event.clientY < box.top + box.height / 2;
  });
  if (held.row.parentElement !== list || held.row.nextElementSibling !== (below ?? null)) list.insertBefore(held.row, below ?? null);
});
document.addEventListener("drop", (event) => {
  if (!held || !listAt(event)) return;
  event.preventDefault();
  held.done = true;
});
document.addEventListener("dragend", () => {
  if (!held) return;
  held.row.classList.remove("plan__dragged");
  for (const each of plan().querySelectorAll(".plan__list")) each.removeAttribute("data-target");
  if (held.done) drop();
  // Dropped elsewhere, or Escape: as it was.
  else held.list.insertBefore(held.row, held.next);
  held = null;
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest(".plan__buttons, .plan__many"), button = event.submitter;
  if (!form || !button) return;
  event.preventDefault();
  if (form.matches(".plan__many")) {
    const keys = boxes().filter((each) => each.form === form && each.checked).map((each) => each.value);
    // Without a story in it, the answer says what to do.
    send({ keys, to: button.value }, `${keys.join(", ")} moved.`);
    return;
  }
  const key = form.elements.key.value;
  send({ key, [button.name]: button.value }, `${key} moved.`);
});

// Boxes of one list, in the order of the page; a range begins at the last one that was ticked or unticked.
const boxes = () => [...document.querySelectorAll("#plan [name='keys']")];
let last = null;

function count() {
  for (const all of document.querySelectorAll("#plan [data-all]")) {
    const own = boxes().filter((each) => each.form === all.form), n = own.filter((each) => each.checked).length;
    all.checked = n > 0 && n === own.length;
    all.indeterminate = n > 0 && n < own.length;
    all.closest("label").hidden = false;
    document.querySelector(`#plan [data-selected="${all.dataset.all}"]`).textContent = n ? ` (${n})` : "";
  }
}

function select(box, on, range) {
  const own = boxes().filter((each) => each.form === box.form);
  const [from, to] = [own.findIndex((each) => each.value === last), own.indexOf(box)];
  const some = range && from >= 0 ? own.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
  for (const each of some) each.checked = on;
  last = box.value;
  count();
}

document.addEventListener("click", (event) => {
  // The browser ticked the box already.
  if (event.target.matches?.("#plan [name='keys']")) select(event.target, event.target.checked, event.shiftKey);
  if (!event.target.matches?.("#plan [data-all]")) return;
  for (const each of boxes()) if (each.form === event.target.form) each.checked = event.target.checked;
  count();
});
// A range must not select the text between.
document.addEventListener("mousedown", (event) => event.shiftKey && event.target.closest?.("#plan .pick") && event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== "x") return;
  if (!document.querySelector("[data-keys='switch']")?.checked) return;
  if (event.target.closest?.("input:not([type='checkbox']), textarea, select, dialog, [popover]")) return;
  const box = event.target.closest?.("#plan li")?.querySelector("[name='keys']");
  if (!box) return;
  event.preventDefault();
  select(box, event.shiftKey || !box.checked, event.shiftKey);
});
// Coming back to the page, the browser may have kept what was ticked.
addEventListener("pageshow", count);

function ready() {
  count();
  for (const row of plan()?.querySelectorAll(".plan__list > li") ?? []) row.draggable = true;
}
ready();
