// A choice of several (a select with data-picker) as a text field that finds and a list that is walked with the keys: a
// combobox. The select stays, hidden, and is what is sent; without JavaScript it is what people use.

let made = 0;
const pickers = new WeakMap();

const part = (tag, attributes, text = "") => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

class Picker {
  constructor(select) {
    this.select = select;
    this.id = `picker-${(made += 1)}`;
    this.active = -1;
    this.creates = "create" in select.dataset;
    this.chosen = part("ul", { class: "picker__chosen", "aria-label": "Chosen" });
    this.input = part("input", {
      type: "text", id: select.id, role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list",
      "aria-expanded": "false", "aria-controls": this.id, placeholder: select.dataset.picker || "Find a name",
    });
    for (const name of ["aria-describedby", "aria-invalid"]) if (select.hasAttribute(name)) this.input.setAttribute(name, select.getAttribute(name));
    this.list = part("ul", { class: "picker__list", role: "listbox", id: this.id, "aria-multiselectable": "true", "aria-label": "Choices" });
    this.says = part("span", { class: "sr", role: "status" });
    this.list.hidden = true;
    const box = part("div", { class: "picker" });
    box.append(this.chosen, this.input, this.list, this.says);
    select.removeAttribute("id");
    select.dataset.picked = "";
    pickers.set(select, this);
    select.hidden = true;
    select.after(box);
    this.input.addEventListener("input", () => { this.input.setCustomValidity(""); this.open(); });
    this.input.addEventListener("click", () => this.open());
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => this.toggle(event.target.closest("[role='option']")));
    this.chosen.addEventListener("click", (event) => this.drop(event.target.closest("button")?.value));
    if (select.hasAttribute("autofocus")) this.input.focus();
    if (this.isAlone()) box.append(part("span", { class: "small muted" }, "Enter saves. Shift+Enter adds more."));
    this.draw();
  }

  // Where nothing else is asked, choosing is all there is to do.
  isAlone() {
    const asked = this.select.form?.querySelectorAll("input:not([type='hidden']), select, textarea") ?? [];
    return [...asked].every((each) => each === this.select || each === this.input);
  }

  draw() {
    const chips = [...this.select.selectedOptions].map((each) => {
      const chip = part("li", { class: "picker__chip" });
      const button = part("button", { type: "button", value: each.value, "aria-label": `Remove ${each.text}` }, "×");
      chip.append(part("bdi", {}, each.text), button);
      return chip;
    });
    this.chosen.replaceChildren(...chips);
    this.chosen.hidden = chips.length === 0;
  }

  open() {
    const words = plain(this.input.value).split(/\s+/).filter(Boolean), typed = this.input.value.trim();
    const found = [...this.select.options].filter((each) => words.every((word) => plain(`${each.text} ${each.value}`).includes(word)));
    const shown = found.slice(0, 50).map((each) => this.option(each.value, each.text, each.selected));
    const same = [...this.select.options].some((each) => plain(each.text) === plain(typed));
    if (this.creates && typed && !same) {
      const fresh = this.option(typed, `Create “${typed}”`, false);
      fresh.dataset.fresh = "";
      shown.push(fresh);
    }
    if (!shown.length) shown.push(part("li", { class: "picker__none" }, "No match. Try fewer letters."));
    this.list.replaceChildren(...shown);
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark(this.options().length && typed ? 0 : -1);
    this.says.textContent = `${found.length} found`;
  }

  option(value, text, selected) {
    return part("li", { role: "option", id: `${this.id}-${value}`, "data-value": value, "aria-selected": String(selected) }, text);
  }

  options() {
    return [...this.list.querySelectorAll("[role='option']")];
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  mark(index) {
    const options = this.options();
    options[this.active]?.removeAttribute("data-active");
    this.active = options.length ? Math.max(-1, Math.min(index, options.length - 1)) : -1;
    const option = options[this.active];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.dataset.active = "";
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  toggle(option) {
    if (!option) return;
    let row = [...this.select.options].find((each) => each.value === option.dataset.value);
    if (!row) {
      row = new Option(option.dataset.value, option.dataset.value);
      this.select.append(row);
    }
    row.selected = !row.selected;
    this.says.textContent = row.selected ? `${row.text} chosen` : `${row.text} removed`;
    this.input.value = "";
    this.input.setCustomValidity("");
    this.draw();
    this.close();
  }

  drop(value) {
    const row = [...this.select.selectedOptions].find((each) => each.value === value);
    if (!row) return;
    row.selected = false;
    this.says.textContent = `${row.text} removed`;
    this.draw();
    this.input.focus();
  }

  // What was typed and never chosen is not dropped without a word: a whole name counts as chosen, anything else is asked for.
  settle() {
    const typed = this.input.value.trim(), options = [...this.select.options];
    const meant = options.find((each) => [plain(each.text), plain(each.value)].includes(plain(typed)));
    if (typed && (meant || this.creates)) {
      if (!meant?.selected) this.toggle(this.option(meant?.value ?? typed, meant?.text ?? typed, false));
      this.input.value = "";
    }
    const left = this.input.value.trim();
    this.input.setCustomValidity(left ? `“${left}” isn’t in the list. Choose from it, or clear this.` : "");
    return this.input.reportValidity();
  }

  key(event) {
    if (event.isComposing) return;
    const shut = this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (shut) this.open();
      const last = this.options().length - 1, by = event.key === "ArrowDown" ? 1 : -1;
      this.mark(this.active + by > last ? 0 : this.active + by < 0 ? last : this.active + by);
    } else if (event.key === "Enter" && !shut && this.active >= 0) {
      this.toggle(this.options()[this.active]);
      if (this.isAlone() && !event.shiftKey) this.select.form.requestSubmit();
    } else if (event.key === "Escape" && !shut) {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Backspace" && !this.input.value && this.select.selectedOptions.length) {
      this.drop([...this.select.selectedOptions].at(-1).value);
    } else return;
    event.preventDefault();
  }
}

function enhance(root) {
  for (const select of root.querySelectorAll("select[data-picker]:not([data-picked])")) new Picker(select);
}

// Before anything else reads the form.
document.addEventListener("submit", (event) => {
  const made = [...event.target.querySelectorAll("select[data-picked]")].map((select) => pickers.get(select));
  if (made.every((picker) => picker.settle())) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
document.addEventListener("htmx:load", (event) => enhance(event.detail.elt.parentElement ?? document));
document.addEventListener("rodeo:filled", (event) => enhance(event.detail));
enhance(document);
