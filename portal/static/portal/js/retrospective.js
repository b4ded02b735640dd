// Counts that somebody read a retrospective: once it was in view for a while, and only that. The browser itself remembers
// that it told (a cookie for this page), so that nothing on the server says who.

const LONG_ENOUGH = 15000;
const page = document.querySelector("[data-counts]");

if (page) {
  let left = LONG_ENOUGH, since = document.hidden ? 0 : performance.now(), timer;
  const token = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
  const tell = () => fetch(page.dataset.read, { method: "POST", headers: { "X-CSRFToken": token() }, credentials: "same-origin" });
  const wait = () => { timer = setTimeout(tell, left); };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) left -= performance.now() - since;
    else {
      since = performance.now();
      if (left > 0) wait();
    }
  });
  if (!document.hidden) wait();
}
