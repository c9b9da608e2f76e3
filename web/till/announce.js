// What who listens to the screen hears, besides where the focus is.

import { byId } from "./dom.js";

function put(id, text) {
  const region = byId(id);
  // the same words twice are heard twice
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

export const announce = (text) => put("live", text);
export const announceNow = (text) => put("urgent", text);
