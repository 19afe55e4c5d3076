// The parcels of an order: what left the house, how far it is, and what goes next.

import { busy, byId, fill, h, select } from "../storefront/lib/dom.js";
import { dateTime, humane } from "../storefront/lib/text.js";
import { api, attempt, onSubmit, say } from "./admin.js";

const NEWS = [
  ["IN_TRANSIT", "In transit"],
  ["OUT_FOR_DELIVERY", "Out for delivery"],
  ["DELIVERED", "Delivered"],
  ["FAILED", "Could not be handed over"],
];

export function showShipments(order, shipments, load) {
  fill(byId("shipments"), shipments.length > 0 ? shipments.map((it) => parcel(order, it, load)) : h("li", { class: "hint" }, "Nothing has left the house."));
  const open = openLines(order, shipments);
  byId("ship").hidden = open.length === 0 || !["CONFIRMED", "PROCESSING"].includes(order.status);
  fill(byId("ship-lines"), open.map(unitsField));
}

export function bindShipments(order, load) {
  onSubmit(byId("ship"), byId("ship-problem"), async (form) => {
    const inputs = [...byId("ship-lines").querySelectorAll("input")];
    const lines = inputs.map((input) => ({ sku: input.name, quantity: Number(input.value) })).filter((line) => line.quantity > 0);
    const { carrier, trackingNumber } = form.elements;
    await api.post(`/api/orders/${order}/shipments`, { carrier: carrier.value.trim(), trackingNumber: trackingNumber.value.trim(), lines });
    form.reset();
    await load();
    say("The parcel is on its way.");
  });
}

/** What was ordered and neither shipped nor given up. */
function openLines(order, shipments) {
  const gone = new Map();
  for (const { sku, quantity } of [...shipments, ...(order.cancellations ?? [])].flatMap((it) => it.lines)) {
    gone.set(sku, (gone.get(sku) ?? 0) + quantity);
  }
  return order.lines.map((line) => ({ ...line, open: line.quantity - (gone.get(line.sku) ?? 0) })).filter((line) => line.open > 0);
}

function unitsField(line, index) {
  const id = `units-${index}`;
  const input = h("input", { id, name: line.sku, type: "number", min: 0, max: line.open, value: line.open });
  return h("div", { class: "field" }, h("label", { for: id }, `${line.name} (${line.sku}), of ${line.open}`), input);
}

function parcel(order, it, load) {
  const contents = it.lines.map((line) => `${line.quantity} × ${line.sku}`).join(", ");
  const events = it.events.map((event) => h("li", {}, `${humane(event.status)} `, h("time", { class: "hint", datetime: event.at }, dateTime(event.at)), event.note ? ` ${event.note}` : null));
  return h(
    "li",
    {},
    [it.carrier, it.trackingNumber].filter(Boolean).join(", ") || "By hand",
    " ",
    h("span", { class: "badge" }, humane(it.status)),
    h("span", { class: "hint block" }, contents),
    events.length > 0 ? h("ul", { class: "plain-list" }, events) : null,
    it.status === "DELIVERED" ? null : news(order, it, load),
  );
}

/** What the carrier says about a parcel that has not arrived. */
function news(order, it, load) {
  const id = `news-${it.id}`;
  const chooser = select({ id }, NEWS);
  const button = h("button", { type: "button", class: "button quiet" }, "Take it down");
  button.addEventListener("click", () =>
    busy(button, () =>
      attempt(byId("news-problem"), null, async () => {
        await api.post(`/api/orders/${order.id}/shipments/${it.id}/events`, { status: chooser.value });
        await load();
        say(`The parcel is now: ${humane(chooser.value).toLowerCase()}.`);
      }),
    ),
  );
  return h("div", { class: "actions" }, h("label", { class: "visually-hidden", for: id }, "What the carrier says"), chooser, button);
}
