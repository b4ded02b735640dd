// The foot of every printed sheet: where this was and when. Sheets have boxes in their margins that only take texts of styles.

const foot = document.querySelector(".paper");
if (foot && "CSSMarginRule" in window) {
  const [where, when] = [...foot.children].map((part) => part.textContent.trim());
  document.documentElement.style.setProperty("--foot", JSON.stringify(`${where}   ${when}`));
  document.documentElement.dataset.foot = "";
}
