// The ways to what is not needed at every sale: read after the first page, so that it is small.

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

async function part(name, use) {
  try {
    await use(await PARTS[name]());
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
  for (const read of Object.values(PARTS)) read().catch(() => {});
}
