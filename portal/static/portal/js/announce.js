// Says at the top of the page what was done or refused, with a link to it and a way back, as the portal's own messages look.

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

// One act of the palette: the same request as any program's, so the same verb and the same permission.
export async function perform({ method, url, body, done, undo }) {
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrf() };
    const answer = await fetch(url, { method, body, headers });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) return announce(said.errors?.map((each) => each.detail).join(" ") || `This couldn’t be done (${answer.status}).`, { bad: true });
    const link = { url: `/stories/${said.key}/`, text: `${said.key} ${said.title}` };
    if (!done) return announce("Created", { link });
    announce(done, { link, undo: undo ? () => perform(undo) : null });
  } catch {
    announce("No answer from the server. Reload the page to see whether it worked.", { bad: true });
  }
}
