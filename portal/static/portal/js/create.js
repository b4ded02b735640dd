// Quick create: a story from any page, in a dialog. Without it the link leads to the whole form.

import { announce, announceDone } from "./announce.js";

const dialog = document.getElementById("create");
const FORM = dialog.dataset.form;

function fill(html) {
  dialog.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  dialog.querySelector("[aria-invalid], [name='title']")?.focus();
}

// What was typed stays.
function failed(words) {
  const said = dialog.querySelector(".create__failed");
  if (!said) return;
  if (words) said.textContent = words;
  said.hidden = false;
}

export async function openCreate(title = "") {
  if (document.querySelector("dialog[open]")) return;
  try {
    const asked = new URLSearchParams({ page: location.pathname, title });
    const answer = await fetch(`${FORM}?${asked}`, { headers: { "X-Part": "1" } });
    if (answer.redirected) return location.assign(answer.url);
    if (answer.status === 403) return announce("Stories belong to squads. Join or create one first.", { bad: true });
    if (!answer.ok) return announce(`This couldn’t be opened (${answer.status}).`, { bad: true });
    const html = await answer.text();
    dialog.showModal();
    fill(html);
  } catch {
    announce("No answer from the server. Try again.", { bad: true });
  }
}

dialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = form.querySelector("button:not([type='button'])");
  button.disabled = true;
  try {
    const headers = { "X-Part": "1", Accept: "application/json, text/html" };
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers });
    if (answer.headers.get("Content-Type")?.startsWith("application/json")) {
      const said = await answer.json();
      if (!answer.ok) return failed(said.message);
      dialog.close();
      announceDone({ words: "Created", link: { url: said.url, text: `${said.key} ${said.title}` } });
    } else if (answer.ok || answer.status === 400) fill(await answer.text());
    else failed(`This couldn’t be done (${answer.status}).`);
  } catch {
    failed();
  } finally {
    button.disabled = false;
  }
});
dialog.addEventListener("click", (event) => {
  if (event.target !== dialog && !event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog.close();
});
dialog.addEventListener("close", () => dialog.replaceChildren());
