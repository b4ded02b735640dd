// A page whose parts follow what others do. Each part has an id and a data-version; on "rodeo:changed" the page is read
// again, and the parts that show something else now are replaced, but never one that somebody is typing in.

const WAIT = 150;
// Parts that somebody was busy with are tried again; so is a page that got no answer, ever later.
const [AGAIN, LATEST] = [3000, 30_000];

// A field holds what was typed and is not kept yet.
export const busy = (field) => "defaultValue" in field && field.type !== "radio" && field.value !== field.defaultValue;

function untouched(part) {
  if (part.matches("[data-editing]") || part.querySelector("[data-editing]")) return false;
  if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return false;
  return ![...part.querySelectorAll("input, textarea")].some(busy);
}

function replace(part, fresh) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const opened = [...part.querySelectorAll("details[open]")].map((each) => each.id).filter(Boolean);
  // What somebody ticked to do something with it stays ticked.
  const ticked = [...part.querySelectorAll("input[type='checkbox']")].filter((each) => each.id && each.checked !== each.defaultChecked);
  part.replaceWith(fresh);
  for (const { id, checked } of ticked) if (document.getElementById(id)) document.getElementById(id).checked = checked;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  window.htmx?.process(fresh);
  if (focused?.id) document.getElementById(focused.id)?.focus({ preventScroll: true });
}

export async function refresh(root) {
  // After an objection the page stands at the address of its form.
  const own = new URL(root.dataset.page ?? location.href, location.href);
  const here = own.pathname === location.pathname ? location.href : own.href;
  const answer = await fetch(here, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return 0;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let left = 0;
  for (const part of root.querySelectorAll("[id][data-version]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || fresh.dataset.version === part.dataset.version) continue;
    if (untouched(part)) replace(part, fresh);
    else left += 1;
  }
  return left;
}

export function follow(root) {
  if (!root) return;
  let [waiting, failed] = [0, 0];
  const soon = (pause) => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      try {
        const left = await refresh(root);
        failed = 0;
        if (left) soon(AGAIN);
      } catch (error) {
        // What was told may not be told again: the stream can be there while pages aren't.
        console.debug("Rodeo did not answer:", error);
        failed += 1;
        soon(Math.min(AGAIN * 2 ** (failed - 1), LATEST));
      }
    }, pause);
  };
  document.addEventListener("rodeo:changed", () => soon(WAIT));
}
