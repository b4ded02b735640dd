// The cards that this browser wrote, while they are hidden: their texts and the secrets that change them are kept here and
// nowhere else, until the reveal. Every request is of one length, so that a log of lengths tells nothing.

const LENGTH = 6000;
const random = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replace(/[+/=]/g, (each) => ({ "+": "-", "/": "_", "=": "" })[each]);

export class OwnCards {
  constructor(root, send, show) {
    Object.assign(this, { root, send, show, key: `rodeo-session-${root.dataset.key}` });
    if (root.dataset.phase !== "reflect") {
      localStorage.removeItem(this.key);
      return;
    }
    this.place = document.getElementById("own-cards");
    this.place.hidden = true;
    this.kept = JSON.parse(localStorage.getItem(this.key) ?? "null") ?? { contributor: random(), cards: [] };
    root.addEventListener("submit", (event) => this.write(event));
    this.draw();
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify(this.kept));
    this.draw();
  }

  // Whatever is sent is filled up to the same length.
  async post(values) {
    const body = new FormData();
    const token = document.querySelector("input[name='csrfmiddlewaretoken']").value;
    for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, contributor: this.kept.contributor, ...values })) body.append(name, value);
    const size = Object.values(values).reduce((sum, each) => sum + new TextEncoder().encode(each).length, 0);
    body.append("padding", "-".repeat(Math.max(0, LENGTH - size)));
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
    this.kept.cards.push({ card: answer.card, section, text });
    field.value = "";
    this.keep();
    field.focus();
  }

  async change(card, text) {
    if (!(await this.post({ do: "change", card: card.card, text }))) return;
    card.text = text;
    this.keep();
  }

  async remove(card) {
    const last = this.kept.cards.length === 1 ? "1" : "";
    if (!(await this.post({ do: "remove", card: card.card, last }))) return;
    this.kept.cards = this.kept.cards.filter((each) => each !== card);
    this.keep();
  }

  draw() {
    for (const place of this.root.querySelectorAll(".mine")) {
      place.replaceChildren(...this.kept.cards.filter((each) => each.section === place.dataset.section).map((each) => this.drawn(each)));
    }
  }

  drawn(card) {
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
    buttons.append(
      button("Save", "button button--plain", () => this.change(card, field.value.trim())),
      button("Remove", "button button--quiet", () => this.remove(card)),
    );
    element.append(field, buttons);
    return element;
  }
}
