// What comes back of an order: what the customer asked for and how far that is, and the form to ask for more.

import { newKey } from "./lib/api.js";
import { busy, byId, fill, h } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { format } from "./lib/money.js";
import { date, returnKind, returnStatus, tone } from "./lib/text.js";
import { api, say } from "./shop.js";

// In the shape of what the shop objects to.
const NOTHING = { code: "INVALID", errors: [], message: "Say how many of what you send back" };

/** Shows what comes back of `order`, and offers the form while something that arrived may still. */
export function showReturns(order, returns, parcels) {
  const names = new Map(order.lines.map((line) => [line.sku, line.name]));
  fill(byId("returns"), returns.map((it) => one(it, names)));
  const open = returnable(order, returns, parcels);
  byId("return-details").hidden = open.length === 0;
  byId("returns-panel").hidden = returns.length === 0 && open.length === 0;
  fill(byId("return-lines"), open.map(units));
}

export function bindReturns(id, load) {
  const [form, box] = [byId("return"), byId("return-problem")];
  let key = newKey();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, form);
    busy(form.querySelector("button"), async () => {
      const inputs = [...byId("return-lines").querySelectorAll("input")];
      const lines = inputs.map((input) => ({ sku: input.name, quantity: Number(input.value) })).filter((line) => line.quantity > 0);
      try {
        if (lines.length === 0) throw NOTHING;
        await api.post(`/api/orders/${id}/returns`, { type: form.elements.type.value, lines, reason: form.elements.reason.value.trim() }, { key });
        key = newKey();
        form.reset();
        byId("return-details").open = false;
        await load();
        say("We have your request and will answer it.");
      } catch (problem) {
        show(box, problem, form);
      }
    });
  });
}

/** What arrived and nobody has asked to send back. */
function returnable(order, returns, parcels) {
  const count = (things) => {
    const sum = new Map();
    for (const line of things.flatMap((it) => it.lines)) sum.set(line.sku, (sum.get(line.sku) ?? 0) + line.quantity);
    return sum;
  };
  const arrived = count(parcels.filter((it) => it.status === "DELIVERED"));
  const asked = count(returns.filter((it) => it.status !== "REJECTED").map((it) => ({ lines: it.lines.filter((line) => !line.refused) })));
  const left = (line) => (arrived.get(line.sku) ?? 0) - (asked.get(line.sku) ?? 0);
  return order.lines.map((line) => ({ ...line, left: left(line) })).filter((line) => line.left > 0);
}

function units(line, index) {
  const id = `return-units-${index}`;
  const input = h("input", { id, name: line.sku, type: "number", min: 0, max: line.left, value: 0 });
  return h("div", { class: "field" }, h("label", { for: id }, `${line.name}, of ${line.left}`), input);
}

function one(it, names) {
  const contents = it.lines.map((line) => `${line.quantity} × ${names.get(line.sku) ?? line.sku}`).join(", ");
  const money = it.refund && ["REFUNDED", "EXCHANGED"].includes(it.status) ? h("p", { class: "hint" }, `${format(it.refund)} goes back to you.`) : null;
  return h(
    "li",
    {},
    h("p", {}, contents, " ", h("span", { class: `badge ${tone(it.status)}` }, returnStatus(it.status))),
    h("p", { class: "hint" }, `${returnKind(it.type)} · ${date(it.requestedAt)} · ${it.reason}`),
    it.rejectedBecause ? h("p", { class: "hint" }, it.rejectedBecause) : null,
    money,
    it.exchange ? h("p", {}, h("a", { href: `/orders/${it.exchange.orderId}` }, "See the order that comes for it")) : null,
  );
}
