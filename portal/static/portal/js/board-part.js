// Forms that a card leads to, in a dialog; the same address is a page of its own without this.
import { ask, landed, refuse, say, shown } from "./board-cards.js";

const dialog = document.getElementById("part");
let opener = null;

function fill(html) {
  dialog.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  document.dispatchEvent(new CustomEvent("rodeo:filled", { detail: dialog }));
  dialog.querySelector("[aria-invalid], textarea, input:not([type='hidden']), select:not([hidden])")?.focus();
}

// What was typed stays.
function failed(words) {
  const place = dialog.querySelector(".part__failed") ?? document.createElement("p");
  place.className = "notice part__failed";
  place.dataset.state = "bad";
  place.setAttribute("role", "alert");
  dialog.prepend(place);
  place.textContent = words;
}

export async function openPart(url) {
  opener = document.activeElement?.closest(".card")?.id;
  try {
    const answer = await fetch(url, { headers: { "X-Part": "1" } });
    if (!answer.ok) return refuse(`This couldn’t be opened (${answer.status}).`);
    const html = await answer.text();
    dialog.showModal();
    fill(html);
  } catch {
    refuse("No answer from the server. Try again.");
  }
}

dialog?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, button = form.querySelector("button:not([type='button'])");
  button.disabled = true;
  try {
    const answer = await ask(form.action, new FormData(form), true);
    if (answer.headers.get("Content-Type")?.startsWith("application/json")) {
      const said = await answer.json();
      if (!answer.ok) return failed(said.message);
      dialog.close();
      landed().then(() => shown(said));
      say(`${said.key}: saved.`);
    } else if (answer.ok || [400, 409].includes(answer.status)) fill(await answer.text());
    else failed(`This couldn’t be done (${answer.status}).`);
  } catch {
    failed("No answer from the server. Reload the page to see whether it was saved.");
  } finally {
    button.disabled = false;
  }
});
dialog?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog.close();
});
dialog?.addEventListener("close", () => { dialog.replaceChildren(); if (opener) document.getElementById(opener)?.focus(); });
