// The till's page: the local process decides, this shows it. `?side=client` shows only what the client reads.

import { announceNow } from "./announce.js";
import { drawBill } from "./bill.js";
import { drawClientScreen } from "./client.js";
import { closeDialog, drawDialog, startDialog } from "./dialog.js";
import { byId, hasChanged, loadIcons } from "./dom.js";
import { startKeys } from "./keys.js";
import { listen } from "./link.js";
import { pinKey } from "./pin.js";
import { prefs, showTheme } from "./prefs.js";
import { drawSheet } from "./sheet.js";
import { isPaying, state, watch } from "./state.js";
import { drawTiles, startTiles } from "./tiles.js";
import { drawTop } from "./top.js";
import { readAhead } from "./ways.js";
import { loadWords, say } from "./words.js";

const RETRY_MS = 1500;
const AHEAD_MS = 3000;
const isClientSide = new URLSearchParams(location.search).get("side") === "client";
const told = { refusal: null, isGone: false };

function announceTrouble() {
  if (state.refusal && state.refusal !== told.refusal) announceNow(state.refusal);
  if (state.isGone && !told.isGone) announceNow(say("gone"));
  told.refusal = state.refusal;
  told.isGone = state.isGone;
}

function startStaffSide() {
  byId("staff-side").hidden = false;
  startDialog();
  startTiles();
  startKeys();
  watch(() => {
    drawTop();
    drawTiles();
    drawBill();
    drawSheet();
    // what comes back is shown on the sheet, not behind the sales it was chosen from
    if (isPaying() && state.view.sale.kind !== "sale") closeDialog();
    if (hasChanged(byId("dialog"), state.view?.till, state.view?.staff, state.view?.history, state.isGone, prefs.language)) drawDialog();
    announceTrouble();
  });
}

function startClientSide() {
  document.body.classList.add("is-client-side");
  byId("client-side").hidden = false;
  watch(drawClientScreen);
  // the staff's screen chose another language, or light or dark
  window.addEventListener("storage", () => location.reload());
  document.addEventListener("keydown", (event) => pinKey(event) && event.preventDefault());
}

async function start() {
  showTheme();
  try {
    await Promise.all([loadWords(), loadIcons()]);
  } catch {
    setTimeout(start, RETRY_MS);
    return;
  }
  if (isClientSide) startClientSide();
  else startStaffSide();
  listen();
  if (!isClientSide) setTimeout(readAhead, AHEAD_MS);
}

start();
