// Open pages hear what changed, as it happens. A board gets the cards that changed; a story page fetches its parts anew; a
// part of a board (a filter is on) fetches itself anew. While the stream is away, pages ask every ten seconds.

import { busy, cardOf, dragging, merge, put, recount } from "./cards.js";
import { Stream } from "./stream.js";

const [POLL, HEAL, AGAIN, SPREAD, ANNOUNCE, PATIENCE] = [10_000, 300_000, 400, 2_000, 1_500, 1_500];
const LOST = "Connection lost. Reconnecting…";
const place = document.querySelector("[data-live]");
const topic = place?.dataset.live ?? "";
// Pages made of parts (parts.js) read those again by themselves.
const hasParts = /^(story|retrospective_session):/.test(topic);
const board = () => document.getElementById("board");
const postponed = new Map();
const news = new Map();
// Not said yet, then true; null once the stream is away.
let covered;
let looking, due, mark, status, announcing, unseen, waiting;

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Cards

function take(said) {
  const here = board();
  const old = cardOf(here, said.key);
  // Of a card that was not on the page nobody knows here where it was counted.
  if (here.matches("[data-filtered], [data-grouped]") || (!old && said.html !== undefined && here.matches("[data-cut]"))) return look(SPREAD);
  if (dragging(here) || busy(old)) return later(said.key, said);
  if (said.html === undefined) {
    if (old) keepNear(old);
    old?.remove();
    if (old) report(said.key, "is no longer here");
  } else {
    const fresh = parsed(said.html).querySelector(".card");
    if (old?.dataset.version === fresh.dataset.version && old.dataset.stage === said.stage && old.dataset.rank === fresh.dataset.rank) return;
    const moved = old?.dataset.stage !== said.stage;
    if (!put(here, fresh)) return look(200);
    report(said.key, moved ? `is ${said.stage.replaceAll("_", " ")}` : "has changed");
  }
  counted(here, false);
}

// A squad's board knows its own sums (board.js): not all of its cards are on the page.
function counted(here, bySums) {
  if (!here.querySelector(".lanes")) return bySums || recount(here);
  document.dispatchEvent(new CustomEvent("rodeo:cards", { detail: { bySums } }));
}

// When the card with the focus goes away, its neighbour gets it.
function keepNear(card) {
  if (!card.contains(document.activeElement)) return;
  const next = card.nextElementSibling ?? card.previousElementSibling;
  (next?.querySelector("a[href], button") ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

function later(key, said) {
  if (!postponed.size) setTimeout(retry, AGAIN);
  postponed.set(key, said);
}

function retry() {
  const all = [...postponed];
  postponed.clear();
  for (const [key, said] of all) {
    if (key === "") look(0);
    else take(said);
  }
}

// Fetching anew

function look(spread) {
  if (document.hidden) {
    unseen = true;
    return;
  }
  if (looking) {
    due = true;
    return;
  }
  looking = setTimeout(fetched, Math.random() * spread);
}

async function fetched() {
  due = false;
  try {
    if (hasParts) document.dispatchEvent(new Event("rodeo:changed"));
    else await freshBoard();
  } catch (error) {
    // Away: the next look is never far.
    console.debug("Rodeo did not answer:", error);
  }
  looking = null;
  if (due) look(hasParts ? 250 : SPREAD);
}

async function freshBoard() {
  const here = board();
  const url = new URL(here.dataset.url ?? here.getAttribute("hx-get") ?? location.href, location.href);
  if (here.dataset.version) url.searchParams.set("version", here.dataset.version);
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (answer.status !== 200 || answer.redirected) return;
  const fresh = parsed(await answer.text()).querySelector("#board");
  if (!fresh) return;
  if (merge(board(), fresh)) counted(board(), true);
  else later("", null);
}

// Saying so

function report(key, what) {
  news.set(key, what);
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    const said = [...news].map(([each, done]) => `${each} ${done}`);
    status.textContent = said.length > 3 ? `${said.length} stories have changed` : said.join(", ");
    news.clear();
  }, ANNOUNCE);
}

// Nothing is said while all is well, nor for the moment that a new stream takes.
function showState() {
  clearTimeout(waiting);
  if (covered === null) waiting = setTimeout(() => (mark.textContent = LOST), PATIENCE);
  else mark.textContent = "";
}

function isCovered(yes) {
  if (yes && !covered) look(covered === null ? SPREAD : 500);
  const changed = covered !== (yes || null);
  covered = yes || null;
  document.documentElement.dataset.live = yes ? "on" : "off";
  if (changed) showState();
}

function heard(name, said) {
  if (name === "resync") look(SPREAD);
  else if (said.topic !== topic) return;
  else if (name === "story" && hasParts) look(150);
  // Many look at one session at once: not all in the same moment.
  else if (name === "changed") look(250);
  else if (!hasParts && board()) take(said);
}

if (place) {
  mark = document.createElement("span");
  mark.className = "live";
  mark.setAttribute("role", "status");
  (document.querySelector(".head h1") ?? document.querySelector(".story__head"))?.after(mark);
  status = document.body.appendChild(document.createElement("p"));
  status.className = "sr";
  status.setAttribute("role", "status");
  setInterval(() => covered || look(0), POLL);
  // What was told may be lost on the way; looking now and then costs an answer without content.
  setInterval(() => look(SPREAD), HEAL * (0.8 + 0.4 * Math.random()));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !unseen) return;
    unseen = false;
    look(0);
  });
  document.addEventListener("look", () => look(0));
  if (document.body.dataset.events && "EventSource" in window) {
    new Stream(new URL(document.body.dataset.events, location.href).href, [topic], heard, isCovered);
  }
}
