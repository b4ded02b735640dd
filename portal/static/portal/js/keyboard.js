// Single keys: "c" creates a story, "/" to the filter or the search, "?" to the list of keys, "g" and a letter to a part of the portal.
// Pages work without any of this, and the list of keys has a switch that turns it off (WCAG 2.1.4).

const OFF = "rodeo-keys-off";
const dialog = document.getElementById("keys");
const opener = document.querySelector("[data-keys='open']");
const choice = document.querySelector("[data-keys='switch']");
let going = -Infinity;

const typing = (target) => target.closest("input:not([type='checkbox'], [type='radio']), textarea, select, dialog");

if (dialog && opener && choice) {
  opener.hidden = false;
  opener.addEventListener("click", () => dialog.showModal());
  choice.checked = !localStorage.getItem(OFF);
  choice.addEventListener("change", () => {
    if (choice.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !choice?.checked) return;
  if (event.key === "/") {
    const field = [...document.querySelectorAll("[data-shortcut='/']")].at(-1);
    event.preventDefault();
    field?.select();
  } else if (event.key === "?") {
    dialog.showModal();
  } else if (event.key === "c" && !(event.timeStamp - going < 1500) && document.getElementById("create")) {
    event.preventDefault();
    import(document.getElementById("create").dataset.script).then(({ openCreate }) => openCreate());
  } else if (event.key === "g") {
    going = event.timeStamp;
  } else if (event.timeStamp - going < 1500) {
    going = -Infinity;
    document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
  }
});
