// Says at the top of the page what was done or refused, with a link to it and a way back, as the portal's own messages look.

const AFTERWARDS = "rodeo-announce";
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

export function announce(words, { bad = false, link = null, undo = null } = {}) {
  document.getElementById("announced")?.remove();
  const place = document.createElement("div");
  place.id = "announced";
  place.setAttribute("role", bad ? "alert" : "status");
  document.getElementById("main").prepend(place);
  const notice = document.createElement("p");
  notice.className = "notice";
  notice.dataset.state = bad ? "bad" : "good";
  notice.append(words);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.url;
    anchor.textContent = link.text;
    notice.append(" ", anchor);
  }
  if (undo) {
    const button = document.createElement("button");
    button.className = "button button--plain";
    button.type = "button";
    button.textContent = "Undo";
    button.addEventListener("click", undo);
    notice.append(" ", button);
  }
  // After the region is there, so that screen readers hear it.
  requestAnimationFrame(() => place.append(notice));
}

// What was done. A page that lists stories and does not follow them is read again first: it would say what is no longer so.
export function announceDone({ words, link, undo }) {
  const main = document.getElementById("main");
  if (!main.querySelector("[data-shows-stories]") || main.querySelector("input[name='key']:checked")) return say({ words, link, undo });
  sessionStorage.setItem(AFTERWARDS, JSON.stringify({ words, link, undo }));
  location.reload();
}

const say = ({ words, link, undo }) => announce(words, { link, undo: undo ? () => perform(undo) : null });

export function announceAfterwards() {
  const left = sessionStorage.getItem(AFTERWARDS);
  if (!left) return;
  sessionStorage.removeItem(AFTERWARDS);
  say(JSON.parse(left));
}

// One act of the palette: the same request as any program's, so the same verb and the same permission.
// `since` is the version that an undoing begins from: what others made of the story since is not overwritten.
export async function perform({ method, url, body, done, undo, since }) {
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf() };
    if (since) headers["If-Match"] = since;
    const answer = await fetch(url, { method, body, headers });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) return announce(said.errors?.map((each) => each.detail).join(" ") || `This couldn’t be done (${answer.status}).`, { bad: true });
    const link = { url: `/stories/${said.key}/`, text: `${said.key} ${said.title}` };
    announceDone({ words: done || "Created", link, undo: undo && { ...undo, since: answer.headers.get("ETag") } });
  } catch {
    announce("No answer from the server. Reload the page to see whether it worked.", { bad: true });
  }
}

// What htmx could not send or was refused is not passed over in silence. Polls ask again by themselves.
function failed(event) {
  const { requestConfig, xhr } = event.detail;
  if (requestConfig.verb === "get" || (event.type === "htmx:responseError" && [400, 409].includes(xhr.status))) return;
  let words = xhr.status ? `This couldn’t be done (${xhr.status}).` : "No answer from the server. Reload the page to see whether it was saved.";
  try {
    words = JSON.parse(xhr.responseText).message ?? words;
  } catch { /* a page, or nothing */ }
  announce(words, { bad: true });
}
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, failed);
