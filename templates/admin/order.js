// One order for staff: everything about it, and the steps it can take. Its parcels are in shipments.js, what comes back of it in
// coming_back.js, promised money in promise.js.

import { addressBlock } from "../storefront/lib/address.js";
import { byId, fill, h, pathParts } from "../storefront/lib/dom.js";
import { givenUp, history } from "../storefront/lib/given_up.js";
import { format } from "../storefront/lib/money.js";
import { dateTime, humane, orderStatus, orderStep, paymentMethod, paymentStatus, tone } from "../storefront/lib/text.js";
import { totals } from "../storefront/lib/totals.js";
import { api, onSubmit, say, start } from "./admin.js";
import { bindReturns, showReturns } from "./coming_back.js";
import { bindPromise, showPromise } from "./promise.js";
import { bindShipments, showShipments } from "./shipments.js";

// The state graph of the shop; what it forbids it refuses whatever is offered here.
const NEXT = {
  PENDING: ["CONFIRMED", "CANCELLED"],
  CONFIRMED: ["PROCESSING", "SHIPPED", "CANCELLED"],
  PROCESSING: ["SHIPPED", "CANCELLED"],
  SHIPPED: ["OUT_FOR_DELIVERY", "DELIVERED"],
  OUT_FOR_DELIVERY: ["DELIVERED"],
};
const LABELS = {
  CONFIRMED: "Confirm",
  PROCESSING: "Start packing",
  SHIPPED: "Mark as shipped",
  OUT_FOR_DELIVERY: "Out for delivery",
  DELIVERED: "Mark as delivered",
  CANCELLED: "Cancel order",
};

const id = pathParts()[2];
let currency = null;

start(async () => {
  try {
    await load();
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    byId("missing").hidden = false;
    return;
  }
  byId("order").hidden = false;
  onSubmit(byId("step"), byId("step-problem"), async (form, button) => {
    const status = button.value;
    if (status === "CANCELLED" && !confirm("Cancel this order? What was paid goes back to the customer.")) return;
    const note = form.elements.note.value.trim();
    await api.patch(`/api/orders/${id}/status`, note ? { status, note } : { status });
    form.reset();
    await load();
    say(`The order is now: ${orderStatus(status).toLowerCase()}.`);
  });
  bindPromise(id, load);
  bindShipments(id, load);
  bindReturns(id, () => currency, load);
});

async function load() {
  const [order, timeline, payments, refunds, shipments, returns] = await Promise.all([
    api.get(`/api/orders/${id}`),
    api.get(`/api/orders/${id}/timeline?limit=100`),
    api.get(`/api/orders/${id}/payments`),
    api.get(`/api/orders/${id}/refunds`),
    api.get(`/api/orders/${id}/shipments`),
    api.get(`/api/orders/${id}/returns`),
  ]);
  currency = order.total.currency;
  document.title = `${order.number} · Back office`;
  byId("number").textContent = order.number;
  byId("placed-at").textContent = `Placed ${dateTime(order.placedAt)}`;
  fill(byId("badge"), h("span", { class: `badge ${tone(order.status)}` }, orderStatus(order.status)));
  // Some of it has left the house, which nobody can cancel.
  const next = (NEXT[order.status] ?? []).filter((status) => status !== "CANCELLED" || shipments.items.length === 0);
  byId("step").hidden = next.length === 0;
  fill(byId("steps"), next.map((status, index) => stepButton(status, index)));
  fill(byId("lines"), order.lines.map((item) => line(item, order)));
  fill(byId("totals"), totals(order));
  fill(byId("customer"), addressBlock(order.shippingAddress), h("p", { class: "hint" }, `By ${order.shippingOptionId ?? "post"}`));
  fill(byId("timeline"), history(order, timeline.items).map(entry));
  fill(byId("payment"), payment(order, payments.items, refunds.items));
  showPromise(payments.items);
  showShipments(order, shipments.items, load);
  showReturns(order, returns.items, load);
}

/** The first step is the usual one. */
function stepButton(status, index) {
  const look = status === "CANCELLED" ? "button danger" : index === 0 ? "button" : "button quiet";
  return h("button", { class: look, value: status }, LABELS[status]);
}

function line(item, order) {
  const less = givenUp(order, item.sku);
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/admin/products/${item.productId}` }, item.name)),
    h("td", { class: "sku" }, item.sku),
    h("td", { class: "number" }, format(item.unitPrice)),
    h("td", { class: "number" }, item.quantity, less > 0 ? h("span", { class: "hint block" }, `${less} given up`) : null),
    h("td", { class: "number" }, format({ ...item.unitPrice, amount: item.unitPrice.amount * item.quantity })),
  );
}

function entry(item) {
  return h(
    "li",
    {},
    h("span", { class: "timeline-status" }, item.words ?? orderStep(item.status)),
    item.note ? h("span", {}, item.note) : null,
    h("time", { class: "hint", datetime: item.at }, [dateTime(item.at), item.actor].filter(Boolean).join(" · ")),
  );
}

function payment(order, attempts, refunds) {
  const one = (words, state, thing) =>
    h("li", {}, `${words} ${format(thing.amount)} `, h("span", { class: "badge" }, state), h("span", { class: "hint block" }, detail(thing)));
  const detail = (thing) => [thing.providerReference, thing.failureCode, dateTime(thing.createdAt)].filter(Boolean).join(" · ");
  return [
    h("p", {}, `${paymentMethod(order.payment.method)}, ${paymentStatus(order).toLowerCase()}`),
    h("ul", { class: "plain-list" }, attempts.map((it) => one(paymentMethod(it.method), paymentStatus({ ...order, payment: it }), it)), refunds.map((refund) => one("Refund", humane(refund.status), refund))),
  ];
}
