// The ways to what is not needed at every sale: read after the first page, so that it is small.

import { make } from "./dom.js";
import { changed, state } from "./state.js";
import { say } from "./words.js";

const PARTS = {
  byName: () => import("./by_name.js"),
  help: () => import("./help.js"),
  history: () => import("./history.js"),
  settings: () => import("./settings.js"),
  staff: () => import("./staff.js"),
  voice: () => import("./voice.js"),
};

let styled = null;

/** Their style, once. */
function style() {
  styled ??= new Promise((done) => {
    document.head.append(make("link", { rel: "stylesheet", href: "/till/dialogs.css", load: done, error: done }));
  });
  return styled;
}

async function part(name, use) {
  try {
    const [found] = await Promise.all([PARTS[name](), style()]);
    await use(found);
  } catch {
    state.refusal = say("gone");
    changed();
  }
}

export const openByName = () => part("byName", (found) => found.openByName());
export const openHelp = () => part("help", (found) => found.openHelp());
export const openHistory = () => part("history", (found) => found.openHistory());
export const openSettings = () => part("settings", (found) => found.openSettings());
export const openStaff = (words, then) => part("staff", (found) => found.openStaff(words, then));
export const chooseLanguage = (language) => part("settings", (found) => found.chooseLanguage(language));

export const tell = (sale) => part("voice", (found) => found.tell(sale));

/** Reads them while nothing else is to be done: they must be there when the local process is not. */
export function readAhead() {
  style();
  for (const read of Object.values(PARTS)) read().catch(() => {});
}
