// One order: how far it is, what is in it, what it cost, and what can still be done about it.

import { newKey } from "./lib/api.js";
import { addressBlock } from "./lib/address.js";
import { busy, byId, fill, h, pathParts } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { givenUp, history } from "./lib/given_up.js";
import { format } from "./lib/money.js";
import { dateTime, orderStatus, orderStep, paymentMethod, paymentStatus, tone } from "./lib/text.js";
import { totals } from "./lib/totals.js";
import { paymentFields, readPayment } from "./payment.js";
import { bindReturns, showReturns } from "./returns.js";
import { api, signIn, start } from "./shop.js";

const STEPS = ["PENDING", "CONFIRMED", "PROCESSING", "SHIPPED", "DELIVERED"];
const NAMES = { PENDING: "Placed", CONFIRMED: "Confirmed", PROCESSING: "Packed", SHIPPED: "Shipped", DELIVERED: "Delivered" };
const OPEN = ["PENDING", "UNKNOWN", "AUTHORIZED"];
// A payment under way is asked after a few times, then left to the customer to reload.
const ASK_EVERY_MS = 4000;
const ASK_TIMES = 15;

const id = pathParts()[1];
// A guest comes by the link of her mail, whose secret stands behind the # so that it is sent to nobody.
const link = location.hash.slice(1);
const how = link ? { open: true, link } : {};

start(async () => {
  if (!api.user && !link) return signIn();
  for (const place of document.querySelectorAll(".of-account")) place.hidden = Boolean(link);
  try {
    await load();
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    byId("missing").hidden = false;
    return;
  }
  byId("order").hidden = false;
  bind(byId("cancel"), byId("cancel-problem"), async (form) => {
    const reason = form.elements.reason.value.trim();
    await api.post(`/api/orders/${id}/cancel`, reason ? { reason } : {}, { key: newKey(), ...how });
    byId("cancel-details").open = false;
  });
  bind(byId("pay"), byId("pay-problem"), async (form) => {
    await api.post(`/api/orders/${id}/payments`, readPayment(form), { key: newKey(), ...how });
  });
  bindReturns(id, load);
});

async function load(asked = 0) {
  const [order, timeline] = await Promise.all([api.get(`/api/orders/${id}`, how), api.get(`/api/orders/${id}/timeline?limit=100`, how)]);
  document.title = `${order.number} · ${document.documentElement.dataset.shop}`;
  byId("number").textContent = order.number;
  byId("placed-at").textContent = `Placed ${dateTime(order.placedAt)}`;
  fill(byId("badge"), h("span", { class: `badge ${tone(order.status)}` }, nothingArrived(order) ? "Came back to us" : orderStatus(order.status)));
  thanks(order);
  steps(order);
  fill(byId("lines"), order.lines.map((item) => line(item, order)));
  fill(byId("totals"), totals(order));
  fill(byId("ship-to"), addressBlock(order.shippingAddress));
  payment(order);
  // Whoever comes by a link alone may not send anything back.
  if (!link && ["SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"].includes(order.status)) await returns(order);
  fill(byId("timeline"), history(order, timeline.items).map(entry));
  byId("cancel-details").hidden = !["PENDING", "CONFIRMED", "PROCESSING"].includes(order.status);
  if (order.status === "PENDING" && OPEN.includes(order.payment.status) && asked < ASK_TIMES) {
    setTimeout(() => load(asked + 1).catch((problem) => show(byId("problem"), problem)), ASK_EVERY_MS);
  }
}

async function returns(order) {
  const [asked, parcels] = await Promise.all([api.get(`/api/orders/${id}/returns`), api.get(`/api/orders/${id}/shipments`)]);
  showReturns(order, asked.items, parcels.items);
}

function thanks(order) {
  const box = byId("thanks");
  // Said once: filling it again would make a screen reader repeat it.
  const state = `${order.status} ${order.payment.status}`;
  if (box.dataset.state === state) return;
  box.dataset.state = state;
  const placed = new URLSearchParams(location.search).has("placed");
  box.hidden = !placed || order.status === "CANCELLED";
  if (order.payment.status === "FAILED") {
    fill(box, h("h2", {}, "Your payment was declined"), h("p", {}, "Your order is kept for a few minutes. You can pay again below."));
    box.className = "banner bad";
    box.hidden = order.status !== "PENDING";
  } else if (order.status === "PENDING") {
    fill(box, h("h2", {}, "We are waiting for your payment"), h("p", {}, "This page updates by itself."));
    box.className = "banner wait";
  } else if (nothingArrived(order)) {
    box.hidden = true;
  } else {
    fill(box, h("h2", {}, "Thank you for your order"), h("p", {}, link ? "We have sent a mail with the details and with the link to this page." : "We have sent a mail with the details."));
    box.className = "banner good";
  }
}

function steps(order) {
  const place = byId("steps");
  place.hidden = order.status === "CANCELLED" || nothingArrived(order);
  const reached = STEPS.indexOf(order.status === "OUT_FOR_DELIVERY" ? "SHIPPED" : order.status);
  const items = STEPS.map((step, index) =>
    h("li", { class: index <= reached ? "done" : null, "aria-current": index === reached ? "step" : null }, NAMES[step]),
  );
  fill(place, items);
}

/** Whether all of it that was sent came back. */
function nothingArrived(order) {
  const units = (lines) => lines.reduce((sum, line) => sum + line.quantity, 0);
  const cancelled = (order.cancellations ?? []).flatMap((it) => it.lines);
  return order.status === "DELIVERED" && units(order.refused ?? []) === units(order.lines) - units(cancelled);
}

function line(item, order) {
  const back = (order.refused ?? []).find((it) => it.sku === item.sku);
  const less = givenUp(order, item.sku);
  return h(
    "li",
    {},
    h("a", { href: `/products/${item.productId}` }, item.name),
    h("span", { class: "hint" }, `${item.quantity} × ${format(item.unitPrice)}`),
    less > 0 ? h("span", { class: "hint" }, `${less} given up`) : null,
    back ? h("span", { class: "hint" }, `${back.quantity} could not be handed over and came back`) : null,
    h("span", { class: "line-total" }, format({ ...item.unitPrice, amount: item.unitPrice.amount * item.quantity })),
  );
}

function payment(order) {
  const { payment } = order;
  const rows = [h("p", {}, paymentMethod(payment.method)), h("p", { class: "hint" }, paymentStatus(order))];
  if (payment.refunded?.amount > 0) rows.push(h("p", { class: "hint" }, `${format(payment.refunded)} went back to you.`));
  const next = order.status === "PENDING" ? payment.nextAction : null;
  if (next && /^(https?|upi):/.test(next.url)) {
    rows.push(h("a", { class: "button quiet", href: next.url, rel: "noopener" }, next.type === "upi_intent" ? "Open my UPI app" : "Go on at the bank"));
  }
  fill(byId("payment"), rows);
  const again = order.status === "PENDING" && payment.status === "FAILED";
  byId("pay").hidden = !again;
  if (again) {
    const methods = ["CARD", "UPI", "NET_BANKING"];
    fill(byId("pay-fields"), paymentFields("Pay again", link ? methods : [...methods, "WALLET"]));
  }
}

function entry(item) {
  return h(
    "li",
    {},
    h("span", { class: "timeline-status" }, item.words ?? orderStep(item.status)),
    item.note ? h("span", {}, item.note) : null,
    h("time", { class: "hint", datetime: item.at }, dateTime(item.at)),
  );
}

/** Sends a form and shows the order as it is then. */
function bind(form, box, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, form);
    busy(form.querySelector("button"), async () => {
      try {
        await work(form);
        await load();
      } catch (problem) {
        show(box, problem, form);
      }
    });
  });
}
