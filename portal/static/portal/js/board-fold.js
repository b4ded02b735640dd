// Columns that are folded into a strip. The browser keeps them for this board in a cookie, so that the server draws them
// folded, and nothing jumps.
const KEPT = "rodeo_folded", YEAR = 31_536_000;

function keep() {
  const folded = [...document.querySelectorAll("#board .lane[data-folded] [data-fold]")].map((each) => each.dataset.fold);
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${KEPT}=${folded.join(".")}; path=${location.pathname}; max-age=${YEAR}; SameSite=Lax${secure}`;
}

export function folding() {
  document.documentElement.classList.add("can-fold");
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#board [data-fold]");
    if (!button) return;
    const folded = button.closest(".lane").toggleAttribute("data-folded");
    button.setAttribute("aria-expanded", String(!folded));
    keep();
  });
}
