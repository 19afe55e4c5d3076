// Sums as people read them: each part with its name, the grand total last.

import { h } from "./dom.js";
import { worthGivenUp } from "./given_up.js";
import { format } from "./money.js";

/** `[["Subtotal", "₹10.00"], ["Total", "₹12.00", "grand"]]` as a list. */
export function sums(rows) {
  return h("dl", { class: "sums" }, rows.map(([label, amount, look]) => h("div", { class: look }, h("dt", {}, label), h("dd", {}, amount))));
}

/** What an order or a quote costs, part by part. */
export function totals(amounts) {
  const rows = [["Subtotal", format(amounts.subtotal)]];
  if (amounts.discount.amount > 0) rows.push([`Discount${amounts.couponCode ? ` (${amounts.couponCode})` : ""}`, `−${format(amounts.discount)}`]);
  rows.push(["Delivery", amounts.shipping.amount === 0 ? "Free" : format(amounts.shipping)]);
  for (const [name, amount] of taxes(amounts.taxLines, false)) rows.push([name, format(amount)]);
  rows.push(["Total", format(amounts.total), "grand"]);
  const less = worthGivenUp(amounts);
  if (less.amount > 0) {
    rows.push(["Given up", `−${format(less)}`]);
    rows.push(["What is left", format({ ...amounts.total, amount: amounts.total.amount - less.amount }), "grand"]);
  }
  for (const [name, amount] of taxes(amounts.taxLines, true)) rows.push([`of it ${name}`, format(amount), "hint"]);
  return sums(rows);
}

/** What each tax comes to over all lines, of those that prices include or of the others. */
function taxes(lines, included) {
  const sum = new Map();
  for (const tax of lines.filter((line) => line.included === included)) {
    sum.set(tax.name, { ...tax.amount, amount: (sum.get(tax.name)?.amount ?? 0) + tax.amount.amount });
  }
  return sum;
}
