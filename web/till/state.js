// What the page knows: the till's view as the local process tells it, the assortment, and the bill being rung up.

export const state = {
  view: null,
  assortment: null,
  /** The local process does not answer. */
  isGone: false,
  /** The answer on the screen was seen: ringing up goes on before the till has said so. */
  isSeen: false,
  /** The button that asked to pay, which gets the focus back where nothing was paid. */
  paidFrom: null,
  /** What the till last would not do, in its own words. */
  refusal: null,
};

const watchers = [];

/** `draw` is called after each change. */
export function watch(draw) {
  watchers.push(draw);
}

export function changed() {
  for (const draw of watchers) draw();
}

/** The sale on the sheet, if one is to be shown. */
export function saleShown() {
  const sale = state.view?.sale;
  return sale && !(state.isSeen && sale.stage === "ended") ? sale : null;
}

/** The sheet covers all: somebody pays. */
export function isPaying() {
  const sale = saleShown();
  return Boolean(sale) && sale.stage !== "ended";
}

export function takeView(view) {
  if (view.sale?.stage !== "ended") state.isSeen = false;
  state.view = view;
  changed();
}

export function service(id) {
  return state.assortment?.services.find((one) => one.id === id);
}
