// What is sold: a tile a service, by category, searched or walked through with the arrow keys.

import { announce } from "./announce.js";
import { basket, dearest, hasOnePrice } from "./basket.js";
import { byId, fill, hasChanged, letGo, make } from "./dom.js";
import { prefs } from "./prefs.js";
import { add } from "./selling.js";
import { changed, saleShown, service, state } from "./state.js";
import { amount, nameOf, say, sayCount } from "./words.js";

const HUES = 6;
/** More services than this are shown by category at first. */
const ALL_AT_ONCE_MAX = 60;

let chosen = null;
let search = "";

/** The bill was answered: the next touch begins a new one. */
const isDone = () => saleShown()?.stage === "ended" && saleShown().kind === "sale";

const quantityOf = (id) => (isDone() ? 0 : (basket.lines.get(id) ?? 0));

const plain = (text) => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();

function categories() {
  const names = (state.assortment?.services ?? []).map((service) => service.category ?? "");
  return [...new Set(names)].sort((one, other) => (one === "") - (other === ""));
}

function current() {
  const known = categories();
  if (chosen !== null && (chosen === "*" || known.includes(chosen))) return chosen;
  return (state.assortment?.services.length ?? 0) > ALL_AT_ONCE_MAX ? known[0] : "*";
}

function found() {
  const services = state.assortment?.services ?? [];
  if (search) {
    const parts = plain(search).split(/\s+/).filter(Boolean);
    return services.filter((service) => {
      const text = plain(`${service.name} ${service.name_en ?? ""} ${service.category ?? ""} ${service.barcode ?? ""}`);
      return parts.every((part) => text.includes(part));
    });
  }
  const category = current();
  return category === "*" ? services : services.filter((service) => (service.category ?? "") === category);
}

function price(one) {
  const dear = dearest(one);
  if (!dear) return "";
  const [unit, minor] = dear;
  if (minor === 0) return say("free");
  return hasOnePrice(one) ? amount(unit, minor) : say("up-to", { amount: amount(unit, minor) });
}

/** A word that does not fit a tile at full size: rather smaller than broken. */
const hasLongWord = (name) => name.split(/[\s-]/).some((word) => word.length > 10);

function tile(one, hue, isFirst) {
  const quantity = quantityOf(one.id);
  const badge = quantity > 0 && [
    make("span", { class: "badge", "aria-hidden": "true" }, `${quantity}×`),
    make("span", { class: "unseen" }, `, ${say("on-bill", { count: quantity })}`),
  ];
  const name = nameOf(one);
  return make("button", {
    type: "button",
    class: `tile hue-${hue}${name.length > 26 ? " is-long" : ""}${hasLongWord(name) ? " has-long-word" : ""}${quantity > 0 ? " is-chosen" : ""}`,
    "data-key": one.id,
    "data-hue": hue,
    "data-quantity": quantity,
    tabindex: isFirst ? 0 : -1,
    click: () => add(one.id),
    mousedown: letGo,
  },
  make("span", { class: "name" }, name),
  make("span", { class: "price" }, price(one), one.asks_age && make("span", { class: "mark" }, say("age-mark"))),
  badge);
}

function drawTabs() {
  const names = categories();
  const category = search ? null : current();
  const tabs = names.length > 1 ? ["*", ...names] : [];
  fill(byId("tabs"), tabs.map((name) => make("button", {
    type: "button", role: "tab", id: `tab-${tabs.indexOf(name)}`, "data-key": `tab ${name}`, "aria-controls": "tiles",
    class: `tab ${name === "*" ? "" : `hue-${names.indexOf(name) % HUES}`}`,
    "aria-selected": String(name === category),
    tabindex: name === category || (category === null && name === "*") ? 0 : -1,
    click: () => choose(name),
    mousedown: letGo,
  }, name === "*" ? say("all") : name || say("other"))));
  byId("tabs").setAttribute("aria-label", say("categories"));
  byId("tabs").hidden = tabs.length === 0;
  const at = tabs.indexOf(category);
  const panel = byId("tiles");
  panel.setAttribute("role", at >= 0 ? "tabpanel" : "region");
  if (at >= 0) panel.setAttribute("aria-labelledby", `tab-${at}`);
  else panel.removeAttribute("aria-labelledby");
  panel.setAttribute("aria-label", say("services"));
}

/** Only the tiles that were touched: there may be hundreds. */
function drawQuantities() {
  for (const old of byId("tiles").querySelectorAll(".tile")) {
    if (Number(old.dataset.quantity) === quantityOf(old.dataset.key)) continue;
    const isHeld = old === document.activeElement;
    const drawn = tile(service(old.dataset.key), old.dataset.hue, old.tabIndex === 0);
    old.replaceWith(drawn);
    if (isHeld) drawn.focus({ preventScroll: true });
  }
}

export function drawTiles() {
  if (!hasChanged(byId("tiles"), state.assortment?.shownFor, prefs.language, search, current())) {
    drawQuantities();
    return;
  }
  drawTabs();
  const field = byId("search");
  field.placeholder = say("search");
  field.setAttribute("aria-label", say("search"));
  const services = found();
  const panel = byId("tiles");
  if (services.length === 0) {
    fill(panel, make("p", { class: "nothing" }, say(search ? "found-none" : state.assortment ? "nothing-sold" : "loading")));
    return;
  }
  panel.classList.toggle("is-many", services.length > ALL_AT_ONCE_MAX);
  const names = categories();
  const groups = names.map((name) => services.filter((service) => (service.category ?? "") === name));
  const held = panel.contains(document.activeElement) ? document.activeElement.dataset.key : services[0].id;
  const stop = services.some((service) => service.id === held) ? held : groups.flat()[0].id;
  const hasTitles = groups.filter((group) => group.length > 0).length > 1;
  fill(panel, groups.map((group, number) => group.length > 0 && make("section", { class: "group" },
    hasTitles && make("h2", { class: `group-title hue-${number % HUES}` }, names[number] || say("other")),
    make("div", { class: "grid" }, group.map((service) => tile(service, number % HUES, service.id === stop))))));
}

function choose(name) {
  chosen = name;
  if (search) {
    search = "";
    byId("search").value = "";
  }
  changed();
  byId("tiles").scrollTop = 0;
}

/** The tile in this direction: the nearest one on the screen. */
function beside(tiles, from, key) {
  const at = tiles.indexOf(from);
  if (key === "ArrowRight") return tiles[at + 1];
  if (key === "ArrowLeft") return tiles[at - 1];
  const here = from.getBoundingClientRect();
  const isDown = key === "ArrowDown";
  const rows = tiles.filter((one) => (isDown ? one.getBoundingClientRect().top > here.top + 4 : one.getBoundingClientRect().top < here.top - 4));
  const distance = (one) => {
    const box = one.getBoundingClientRect();
    return Math.abs(box.top - here.top) * 4 + Math.abs(box.left - here.left);
  };
  return rows.sort((one, other) => distance(one) - distance(other))[0];
}

function move(event, items, next) {
  const ends = { Home: items[0], End: items.at(-1) };
  const target = ends[event.key] ?? next();
  if (!target) return;
  event.preventDefault();
  for (const item of items) item.tabIndex = item === target ? 0 : -1;
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

export function startTiles() {
  const panel = byId("tiles");
  const tabs = byId("tabs");
  const field = byId("search");
  panel.addEventListener("keydown", (event) => {
    if (!ARROWS.includes(event.key) || !event.target.classList.contains("tile")) return;
    const tiles = [...panel.querySelectorAll(".tile")];
    if (event.key === "ArrowUp" && !beside(tiles, event.target, event.key)) {
      event.preventDefault();
      (tabs.querySelector("[aria-selected=true]") ?? field).focus();
      return;
    }
    move(event, tiles, () => beside(tiles, event.target, event.key));
  });
  tabs.addEventListener("keydown", (event) => {
    const items = [...tabs.children];
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "ArrowDown") {
      event.preventDefault();
      panel.querySelector(".tile[tabindex='0']")?.focus();
    } else if (step || event.key === "Home" || event.key === "End") {
      move(event, items, () => items.at((items.indexOf(event.target) + step) % items.length));
      document.activeElement.click();
    }
  });
  field.addEventListener("input", () => {
    search = field.value.trim();
    drawTiles();
    panel.scrollTop = 0;
    if (search) announce(found().length ? sayCount("found", found().length) : say("found-none"));
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      panel.querySelector(".tile[tabindex='0']")?.focus();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      field.value = search = "";
      drawTiles();
      field.blur();
    } else if (event.key === "Enter" && search) {
      event.preventDefault();
      const exact = (state.assortment?.services ?? []).find((service) => service.barcode === search);
      const first = exact ?? found()[0];
      if (!first) return;
      field.value = search = "";
      add(first.id);
      drawTiles();
    }
  });
}
