// The local process: its events, its routes. It decides, the page shows.

import { countIn } from "./basket.js";
import { prefs } from "./prefs.js";
import { changed, state, takeView } from "./state.js";
import { say } from "./words.js";

const RETRY_MS = 1500;
/** What moves money: a second touch before the page shows what the first one did means the first one. */
const ONCE = ["sale", "void", "refund"];
/** Long after any view of it came. */
const AGAIN_MS = 400;
const underway = new Set();
let source = null;
let retry = null;

async function loadAssortment(version) {
  const answer = await fetch(`/api/assortment?lang=${prefs.language}`).catch(() => null);
  if (!answer?.ok) return;
  state.assortment = await answer.json();
  countIn(state.assortment.units);
  state.assortment.shownFor = version;
  changed();
}

function gone() {
  source?.close();
  if (!state.isGone) {
    state.isGone = true;
    changed();
  }
  clearTimeout(retry);
  retry = setTimeout(listen, RETRY_MS);
}

/** Listens to the till, and keeps trying. Also after another language was chosen. */
export function listen() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(`/api/events?lang=${prefs.language}`);
  source.addEventListener("error", gone);
  source.addEventListener("message", (event) => {
    const view = JSON.parse(event.data);
    state.isGone = false;
    if (!state.assortment || state.assortment.shownFor !== view.assortment) loadAssortment(view.assortment);
    underway.clear();
    takeView(view);
  });
}

function refuse(words) {
  state.refusal = words;
  changed();
}

/** Asks the till to do something. True if it will; what it will not, it says in words, told to `refused`. */
export async function ask(verb, body = {}, refused = refuse) {
  if (underway.has(verb)) return false;
  if (ONCE.includes(verb)) underway.add(verb);
  state.refusal = null;
  let words = null;
  try {
    const answer = await fetch(`/api/${verb}?lang=${prefs.language}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-pasje": "till" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return true;
    words = (await answer.json().catch(() => ({}))).words;
  } catch {
    words = say("gone");
  } finally {
    setTimeout(() => underway.delete(verb), AGAIN_MS);
  }
  refused(words ?? say("failed"));
  return false;
}

/** Clients by a part of their name; null where nobody is signed on. */
export async function findClients(search) {
  const answer = await fetch(`/api/clients?search=${encodeURIComponent(search)}&lang=${prefs.language}`);
  if (answer.status === 403) return null;
  return answer.ok ? answer.json() : [];
}
