// Elements without a framework: made from a description, and put in place without losing the focus.

/** An element: `make("button", { class: "button", click: fn }, "text")`. False and null are left out. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Reads the pictures into the page once: they stay when the local process goes away. */
export async function loadIcons() {
  const answer = await fetch("/static/icons.svg");
  if (!answer.ok) throw new Error(`icons: ${answer.status}`);
  const icons = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
  icons.setAttribute("class", "unseen");
  icons.setAttribute("aria-hidden", "true");
  document.body.append(icons);
}

/** A picture beside a word: hidden from who listens. */
export function icon(name, classes = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", classes);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A button with a word; `key` names it, so that it keeps the focus when it is drawn anew. */
export function button(text, click, { key, icon: picture, kind = "", ...rest } = {}) {
  const content = [picture && icon(picture), text && make("span", {}, text)];
  return make("button", { type: "button", class: `button ${kind}`.trim(), "data-key": key, click, ...rest }, content);
}

/** Puts new children in place of the old ones. */
export function fill(container, ...children) {
  const held = document.activeElement;
  const key = container.contains(held) ? held.dataset.key : undefined;
  container.replaceChildren(...children.flat(2).filter(Boolean));
  if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** For `mousedown`: a touch takes the focus nowhere, so that Enter pays after it and presses no button again. */
export function letGo(event) {
  event.preventDefault();
  byId("tiles").focus({ preventScroll: true });
}

const shownAs = new WeakMap();

/**
 * Whether what a part shows has changed. A part that is drawn only then keeps its buttons under the finger that touches
 * them, whatever the till tells meanwhile.
 */
export function hasChanged(part, ...values) {
  const text = JSON.stringify(values);
  if (shownAs.get(part) === text) return false;
  shownAs.set(part, text);
  return true;
}

export const byId = (id) => document.getElementById(id);
