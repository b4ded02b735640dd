// People offered while somebody types @ and a name in a text (data-mentions holds where to ask). The text is plain text and
// stays one: what is chosen is typed into it. An option with data-whole is words that stand for themselves, and replaces the @ too.
// Without JavaScript, people type the name.

const WAIT = 120;
const START = /(?:^|[\s(])@([\w.+-]{0,40})$/u;
let made = 0;

function follow(area) {
  const list = document.createElement("ul"), says = document.createElement("span");
  list.className = "picker__list mentions";
  list.id = `mentions-${(made += 1)}`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Roles and people");
  list.hidden = true;
  says.className = "sr";
  says.setAttribute("role", "status");
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", list.id);
  const box = document.createElement("div");
  box.className = "picker";
  area.after(box);
  box.append(list, says);
  let waiting = 0, asked = 0, active = 0;

  const options = () => [...list.querySelectorAll("[role='option']")];
  const begun = () => START.exec(area.value.slice(0, area.selectionStart));

  function close() {
    clearTimeout(waiting);
    asked += 1;
    list.hidden = true;
    area.removeAttribute("aria-activedescendant");
  }

  function mark(index) {
    const all = options();
    all[active]?.removeAttribute("data-active");
    active = (index + all.length) % all.length;
    all[active].dataset.active = "";
    all[active].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", all[active].id);
  }

  function choose(option) {
    const match = begun();
    if (!match || !option) return close();
    const whole = "whole" in option.dataset, end = area.selectionStart, start = end - match[1].length - (whole ? 1 : 0);
    const words = option.dataset.value, begins = whole && /(?:^|[.!?]\s+|\n\W*)$/u.test(area.value.slice(0, start));
    area.setRangeText(`${begins ? words[0].toUpperCase() + words.slice(1) : words} `, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    close();
    area.focus();
  }

  async function ask(words) {
    const turn = (asked += 1);
    try {
      const answer = await fetch(`${area.dataset.mentions}?q=${encodeURIComponent(words)}`, { headers: { "HX-Request": "true" } });
      if (!answer.ok || turn !== asked) return;
      list.innerHTML = await answer.text();
    } catch {
      return close();
    }
    const all = options();
    all.forEach((each, index) => { each.id = `${list.id}-${index}`; });
    list.hidden = all.length === 0;
    says.textContent = all.length ? `${all.length} to choose from. Arrow keys choose, Enter inserts.` : "";
    active = 0;
    if (all.length) mark(0);
  }

  area.addEventListener("input", () => {
    const match = begun();
    clearTimeout(waiting);
    if (!match) return close();
    waiting = setTimeout(() => ask(match[1]), WAIT);
  });
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") choose(options()[active]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => choose(event.target.closest("[role='option']")));
}

function enhance(root) {
  for (const area of root.querySelectorAll("textarea[data-mentions]:not([aria-autocomplete])")) follow(area);
}

document.addEventListener("htmx:load", (event) => enhance(event.detail.elt.parentElement ?? document));
enhance(document);
