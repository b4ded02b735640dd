// Selecting many stories of the list: Shift selects a range, a box all of the page; by keys j and k walk, x selects (with
// Shift from the last one), o opens, Escape selects none. Without it every box is ticked by itself.

const form = document.getElementById("many");
const boxes = form ? [...form.querySelectorAll("[name='key']")] : [];
const links = [...document.querySelectorAll(".rows .rows__title")];
let last = null;
// After "g" a letter goes to a part of the portal.
let going = -Infinity;

function count() {
  const n = boxes.filter((each) => each.checked).length;
  const all = form.querySelector("[data-many='all']");
  all.checked = n > 0 && n === boxes.length;
  all.indeterminate = n > 0 && n < boxes.length;
  form.querySelector("[data-many='count']").textContent = n ? `${n} selected` : "Select all on this page";
}

function select(box, on, range) {
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)];
  const some = range && from >= 0 ? boxes.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
  for (const each of some) each.checked = on;
  last = box;
  count();
}

function clear() {
  for (const each of boxes) each.checked = false;
  last = null;
  count();
}

const rowOf = (element) => element.closest?.(".rows > li");

function walk(step) {
  const at = links.findIndex((each) => rowOf(each) === rowOf(document.activeElement));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !document.querySelector("[data-keys='switch']")?.checked) return;
  if (event.target.closest("input:not([type='checkbox']), textarea, select, dialog, [popover]")) return;
  const goes = event.timeStamp - going < 1500;
  going = event.key === "g" ? event.timeStamp : -Infinity;
  if (goes) return;
  const box = rowOf(event.target)?.querySelector("[name='key']");
  if (event.key === "j" || event.key === "k") walk(event.key === "j" ? 1 : -1);
  else if (event.key.toLowerCase() === "x" && box) select(box, event.shiftKey || !box.checked, event.shiftKey);
  else if (event.key === "o" && rowOf(event.target)) rowOf(event.target).querySelector(".rows__title").click();
  else if (event.key === "Escape" && boxes.some((each) => each.checked)) clear();
  else return;
  event.preventDefault();
}

if (form) {
  form.querySelector(".many__all").hidden = false;
  form.querySelector("[data-many='all']").addEventListener("change", (event) => {
    for (const each of boxes) each.checked = event.target.checked;
    count();
  });
  // The browser ticked the box already.
  for (const box of boxes) box.addEventListener("click", (event) => select(box, box.checked, event.shiftKey));
  // A range must not select the text between.
  form.addEventListener("mousedown", (event) => event.shiftKey && event.target.closest(".pick") && event.preventDefault());
  // Coming back to the page, the browser may have kept what was ticked.
  addEventListener("pageshow", count);
  count();
}
document.addEventListener("keydown", pressed);
