// The language coach: while somebody writes in a textarea[data-coach], phrases that blame or tell what would have happened are
// underlined, and a list below says why and offers a question. Only the writer sees it. It begins when the field is first used,
// never holds up saving, and can be turned off in this browser. Without JavaScript there is no coach.

const ADDRESS = "/retrospectives/coach/", SWITCHED = "coach:switched";

const WAIT = 700;
const KEPT = "language-coach";
const MOST = 20000;
const LIKE_FIELD = [
  "fontFamily", "fontSize", "fontWeight", "fontStyle", "letterSpacing", "lineHeight", "textAlign", "textIndent", "tabSize",
  "paddingTop", "paddingRight", "paddingBottom", "paddingLeft",
  "borderTopWidth", "borderRightWidth", "borderBottomWidth", "borderLeftWidth", "boxSizing",
];

const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

function isOn() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

function keep(on) {
  try {
    if (on) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, "off");
  } catch {
    // A browser that keeps nothing asks again on the next page.
  }
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function item(area, finding) {
  const line = element("li", "coach__item");
  const words = element("button", "coach__words", finding.words);
  words.type = "button";
  words.title = "Select these words";
  words.addEventListener("click", () => {
    area.focus();
    area.setSelectionRange(finding.start, finding.end);
  });
  line.append(words, element("p", "", finding.why), element("p", "", `Try: ${finding.question}`));
  return line;
}

function begin(area) {
  const box = element("section", "coach"), top = element("div", "coach__top"), says = element("p", "coach__says");
  const list = element("ul", "coach__list"), toggle = element("button", "button button--quiet"), field = element("div", "coach__field");
  const mirror = element("div", "coach__mirror");
  box.setAttribute("aria-label", "Language coach");
  says.setAttribute("role", "status");
  says.setAttribute("aria-live", "polite");
  mirror.setAttribute("aria-hidden", "true");
  toggle.type = "button";
  const focused = document.activeElement === area, caret = [area.selectionStart, area.selectionEnd];
  area.before(field);
  field.append(area, mirror);
  if (focused) {
    area.focus();
    area.setSelectionRange(...caret);
  }
  top.append(says, toggle);
  box.append(top, list);
  field.after(box);
  let waiting = 0, asked = 0;

  function place() {
    const style = getComputedStyle(area);
    for (const name of LIKE_FIELD) mirror.style[name] = style[name];
    const bars = area.offsetWidth - area.clientWidth - parseFloat(style.borderLeftWidth) - parseFloat(style.borderRightWidth);
    mirror.style.width = `${area.offsetWidth - Math.max(0, bars)}px`;
    mirror.style.height = `${area.offsetHeight}px`;
    mirror.scrollTop = area.scrollTop;
  }

  function show(findings, message) {
    says.textContent = message;
    list.replaceChildren(...findings.map((each) => item(area, each)));
    list.hidden = !findings.length;
    const text = area.value, pieces = [];
    let at = 0;
    for (const each of findings) {
      pieces.push(text.slice(at, each.start), element("mark", "", text.slice(each.start, each.end)));
      at = each.end;
    }
    // A last line that is empty has no height without a letter.
    mirror.replaceChildren(...(findings.length ? [...pieces, `${text.slice(at)}\u200b`] : []));
    place();
  }

  async function ask() {
    const turn = (asked += 1), text = area.value;
    if (!isOn() || !text.trim()) return show([], isOn() ? "Only you see what the language coach marks." : "");
    if ([...text].length > MOST) return show([], "The language coach reads up to 20,000 characters.");
    try {
      const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
      const answer = await fetch(ADDRESS, { method: "POST", headers, body: new URLSearchParams({ text }) });
      if (turn !== asked || text !== area.value) return undefined;
      const { findings = [], message = "" } = await answer.json();
      if (!answer.ok) return show([], message);
      const count = findings.length === 1 ? "1 phrase" : `${findings.length} phrases`;
      return show(findings, findings.length ? `${count} to look at. Only you see this.` : "Nothing to ask about. Only you see this.");
    } catch {
      if (turn === asked) show([], "The language coach can’t be reached. You can write and save as usual.");
    }
    return undefined;
  }

  function soon() {
    clearTimeout(waiting);
    // Until the answer is there, marks would stand under other words.
    mirror.replaceChildren();
    if (isOn()) waiting = setTimeout(ask, WAIT);
  }

  function switched() {
    toggle.textContent = isOn() ? "Turn off language coach" : "Turn on language coach";
    ask();
  }

  toggle.addEventListener("click", () => {
    keep(!isOn());
    document.dispatchEvent(new Event(SWITCHED));
  });
  document.addEventListener(SWITCHED, switched);
  area.addEventListener("input", soon);
  area.addEventListener("scroll", () => { mirror.scrollTop = area.scrollTop; });
  new ResizeObserver(place).observe(area);
  switched();
}

function follow(area) {
  if (area.dataset.coached) return;
  area.dataset.coached = "yes";
  if (document.activeElement === area) begin(area);
  else area.addEventListener("focus", () => begin(area), { once: true });
}

export function start(root = document) {
  root.querySelectorAll("textarea[data-coach]").forEach(follow);
}

start();
document.addEventListener("htmx:afterSwap", (event) => start(event.target.parentElement ?? document));
