// The page of a story: fields edited in their place, single keys, and parts that follow what others do.
// Everything here also works without: the links lead to whole forms, the forms are plain forms.

import { busy, follow } from "./parts.js";

// An objection (400) and a conflict (409) carry the form again, with what was typed.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (![400, 409].includes(event.detail.xhr.status)) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});

const off = () => localStorage.getItem("rodeo-keys-off");
const typing = (target) => target.closest("input:not([type='checkbox'], [type='radio']), textarea, select, dialog");

function press(key, from) {
  if (key === "e") {
    const here = from.closest("[data-version], .comment")?.querySelector("[data-edit]");
    return here ?? document.querySelector("[data-edit]");
  }
  return document.querySelector(`[data-press="${CSS.escape(key)}"]`);
}

// What was typed is not thrown away by one key.
function cancel(editing) {
  if (!editing) return;
  const written = [...editing.querySelectorAll("input:not([type='hidden']), textarea")].some(busy);
  if (!written || confirm("Discard what you wrote?")) editing.querySelector("[data-cancel]")?.click();
}

// Only where there is one thing to send: accepting and declining are two.
function send(form) {
  const buttons = [...(form?.querySelectorAll("button:not([formaction], [disabled])") ?? [])];
  if (buttons.length === 1) form.requestSubmit(buttons[0]);
}

// "g" and a letter goes to a part of the portal (keyboard.js): the letter after it is not for us.
let going = -Infinity;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return cancel(event.target.closest("[data-editing]"));
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send(event.target.closest("textarea")?.form);
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target) || off()) return;
  if (event.key === "g") going = event.timeStamp;
  if (event.timeStamp - going < 1500) return;
  const found = press(event.key, event.target);
  if (!found) return;
  event.preventDefault();
  found.focus();
  if (!found.matches("textarea, input")) found.click();
});

// Leaving a half-written edit or comment asks first.
let sending = false;
document.addEventListener("submit", (event) => (sending ||= !event.defaultPrevented));
window.addEventListener("beforeunload", (event) => {
  const written = [...document.querySelectorAll("#story textarea, #story [data-editing] input:not([type='hidden'])")];
  if (!sending && written.some(busy)) event.preventDefault();
});

follow(document.getElementById("story"));
