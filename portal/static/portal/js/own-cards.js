// The cards that this browser wrote, while they are hidden: their texts and the secrets that change them are kept here and
// nowhere else, until the reveal or until the person signs out (signed-out.js). Every request is of one length, so that a
// log of lengths tells nothing.

const LENGTH = 8192;

export class OwnCards {
  constructor(root, send, show) {
    const { key, person, phase } = root.dataset;
    Object.assign(this, { root, send, show, key: `rodeo-session-${key}-${person}` });
    if (phase !== "reflect") {
      localStorage.removeItem(this.key);
      return;
    }
    this.place = document.getElementById("own-cards");
    this.place.hidden = true;
    this.elements = new Map();
    root.addEventListener("submit", (event) => this.write(event));
    // Another tab may write cards too.
    addEventListener("storage", (event) => event.key === this.key && this.draw());
    this.draw();
  }

  get cards() {
    return JSON.parse(localStorage.getItem(this.key) ?? "[]");
  }

  set cards(cards) {
    localStorage.setItem(this.key, JSON.stringify(cards));
    this.draw();
  }

  // Whatever is sent is filled up to the same length, as it goes over the wire.
  async post(values) {
    const body = new FormData();
    const token = document.querySelector("input[name='csrfmiddlewaretoken']").value;
    const signed = "anonymous" in this.root.dataset ? "" : "1";
    for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, signed, padding: "", ...values })) body.append(name, value);
    const { size } = await new Response(body).blob();
    body.set("padding", "-".repeat(Math.max(0, LENGTH - size)));
    try {
      const answer = await this.send(this.place.dataset.url, body);
      this.show("");
      return answer;
    } catch (error) {
      this.show(error instanceof TypeError ? "Rodeo didn’t answer. Nothing was saved. Try again." : error.message);
      return undefined;
    }
  }

  async write(event) {
    const form = event.target;
    if (!form.matches("[data-write]")) return;
    event.preventDefault();
    const field = form.querySelector("textarea");
    const { text, section } = { text: field.value.trim(), section: form.elements.section.value };
    const answer = await this.post({ do: "write", section, text });
    if (!answer) return;
    field.value = "";
    this.cards = [...this.cards, { card: answer.card, section, text }];
    field.focus();
  }

  async change(card, text) {
    if (!(await this.post({ do: "change", card: card.card, text }))) return;
    const field = this.elements.get(card.card).querySelector("textarea");
    if (field.value.trim() === text) field.value = text;
    this.cards = this.cards.map((each) => (each.card === card.card ? { ...each, text } : each));
  }

  async remove(card) {
    if (!(await this.post({ do: "remove", card: card.card }))) return;
    this.cards = this.cards.filter((each) => each.card !== card.card);
  }

  // What is typed into a card and not saved yet stays.
  draw() {
    const cards = this.cards;
    for (const place of this.root.querySelectorAll(".mine")) {
      const wanted = cards.filter((each) => each.section === place.dataset.section).map((each) => this.drawn(each));
      if (wanted.length !== place.children.length || wanted.some((each, turn) => each !== place.children[turn])) place.replaceChildren(...wanted);
    }
  }

  drawn(card) {
    const element = this.elements.get(card.card) ?? this.made(card);
    this.elements.set(card.card, element);
    const field = element.querySelector("textarea");
    if (field.value === field.defaultValue) field.value = card.text;
    field.defaultValue = card.text;
    field.dispatchEvent(new Event("input"));
    return element;
  }

  made(card) {
    const element = document.createElement("div");
    element.className = "owncard";
    const field = document.createElement("textarea");
    Object.assign(field, { value: card.text, defaultValue: card.text, rows: 2, maxLength: 1000, dir: "auto", ariaLabel: "Your card" });
    const button = (label, className, act) => {
      const made = document.createElement("button");
      Object.assign(made, { type: "button", textContent: label, className });
      made.addEventListener("click", act);
      return made;
    };
    const buttons = document.createElement("div");
    buttons.className = "buttons";
    const save = button("Save", "button button--plain", () => this.change(card, field.value.trim()));
    field.addEventListener("input", () => {
      save.textContent = field.value === field.defaultValue ? "Saved" : "Save";
    });
    buttons.append(save, button("Remove", "button button--quiet", () => this.remove(card)));
    element.append(field, buttons);
    return element;
  }
}
