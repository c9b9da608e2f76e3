// The bill that is rung up: services and quantities, and the most that anyone would pay for it.

const QUANTITY_MAX = 99;

export const basket = {
  /** Service id to quantity, in the order of touching. */
  lines: new Map(),
  /** The buyer's age was asked and is enough, for this bill. */
  isAdult: false,
  /** The id that was touched last. */
  last: null,
};

/** Changes a line by `step`; a line of nothing goes away. The new quantity. */
export function change(id, step) {
  const quantity = Math.min((basket.lines.get(id) ?? 0) + step, QUANTITY_MAX);
  if (quantity > 0) basket.lines.set(id, quantity);
  else basket.lines.delete(id);
  basket.last = id;
  return Math.max(quantity, 0);
}

export function clear() {
  basket.lines.clear();
  basket.isAdult = false;
  basket.last = null;
}

export function pieces() {
  return [...basket.lines.values()].reduce((sum, quantity) => sum + quantity, 0);
}

export function saleLines() {
  return [...basket.lines].map(([service, quantity]) => ({ service, quantity }));
}

const FIELDS = { EUR: "price_cents", MIN: "minutes", PNT: "points" };

/** What the organisation's budgets are counted in, as the till knows it. */
let units = ["EUR"];

export function countIn(known) {
  units = known?.length > 0 ? known : ["EUR"];
}

/**
 * What the dearest buyer pays for one: `[field, minor]`, in what the organisation counts in, so that no euros stand beside a budget
 * of time. Null where that depends on whose card it is: some count in one thing and some in another.
 */
export function dearest(service) {
  const isOwn = service.prices.every((price) => price.kind === "own");
  if (units.length > 1 && !isOwn) return null;
  // what has no price in points or minutes is paid in euros of one's own
  for (const field of [FIELDS[units[0]], "price_cents"]) {
    const prices = service.prices.map((price) => price[field]).filter((minor) => minor !== null && minor !== undefined);
    if (prices.length > 0) return [field, Math.max(...prices)];
  }
  return ["price_cents", 0];
}

/** Whether every buyer pays the same. */
export function hasOnePrice(service) {
  const [unit] = dearest(service) ?? [];
  return new Set(service.prices.map((price) => price[unit] ?? null)).size <= 1;
}

/** The sum by unit: minutes and euros are never added. Null where one price depends on the card. */
export function atMost(find) {
  const sums = new Map();
  for (const [id, quantity] of basket.lines) {
    const service = find(id);
    if (!service) continue;
    const dear = dearest(service);
    if (!dear) return null;
    const [unit, minor] = dear;
    sums.set(unit, (sums.get(unit) ?? 0) + minor * quantity);
  }
  return [...sums];
}
