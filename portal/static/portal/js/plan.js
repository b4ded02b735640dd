// Planning a release: stories are dragged from one list to the other and, by members of their squad, to another place. The
// buttons of a story do the same, by mouse, by finger, by keys and without scripts.

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
  plan().replaceWith(fresh);
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
  for (const [name, value] of Object.entries(values)) if (value) body.set(name, value);
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
  const form = event.target.closest(".plan__buttons"), button = event.submitter;
  if (!form || !button) return;
  event.preventDefault();
  const key = form.elements.key.value;
  send({ key, [button.name]: button.value }, `${key} moved.`);
});

function ready() {
  for (const row of plan()?.querySelectorAll(".plan__list > li") ?? []) row.draggable = true;
}
ready();
