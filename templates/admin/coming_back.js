// What comes back of an order: each return and its next steps, and money that goes back without goods.

import { busy, byId, fill, h } from "../storefront/lib/dom.js";
import { format } from "../storefront/lib/money.js";
import { dateTime, returnKind, returnStatus, tone } from "../storefront/lib/text.js";
import { amountOf, api, attempt, onSubmit, say } from "./admin.js";

const LABELS = {
  approve: "Agree",
  reject: "Do not agree",
  receive: "All of it came, to be sold again",
  "write-off": "All of it came, not to be sold again",
  exchange: "Send the same again",
  refund: "Pay its share back",
};

/** The steps a return can take; what the shop forbids it refuses whatever is offered here. */
function steps({ type, status }) {
  if (status === "REQUESTED") return ["approve", "reject"];
  if (status === "APPROVED") return type === "REFUND" ? ["refund"] : ["receive", "write-off"];
  if (status === "RECEIVED") return type === "EXCHANGE" ? ["exchange", "refund"] : ["refund"];
  return [];
}

export function showReturns(order, returns, load) {
  fill(byId("returns"), returns.length > 0 ? returns.map((it) => one(it, load)) : h("li", { class: "hint" }, "Nothing comes back."));
  const left = order.payment.captured ? order.payment.captured.amount - (order.payment.refunded?.amount ?? 0) : 0;
  byId("give-back").hidden = left <= 0;
  byId("refund-amount").placeholder = left > 0 ? format({ ...order.total, amount: left }) : "";
}

export function bindReturns(id, currency, load) {
  onSubmit(byId("give-back"), byId("give-back-problem"), async (form) => {
    const amount = amountOf(form, currency());
    if (!confirm(amount ? `Give ${format(amount)} back?` : "Give all that is left back?")) return;
    const reason = form.elements.reason.value.trim();
    await api.post(`/api/orders/${id}/refunds`, amount ? { amount, reason } : { reason });
    form.reset();
    await load();
    say("The money goes back.");
  });
}

function one(it, load) {
  const contents = it.lines.map((line) => (line.received === null ? `${line.quantity} × ${line.sku}` : `${line.quantity} × ${line.sku}, ${line.received} came`));
  return h(
    "li",
    {},
    `${returnKind(it.type)} `,
    h("span", { class: `badge ${tone(it.status)}` }, returnStatus(it.status)),
    h("span", { class: "hint block" }, contents.join("; ")),
    h("span", { class: "hint block" }, `${dateTime(it.requestedAt)} · ${it.rejectedBecause ?? it.reason}`),
    it.refund ? h("span", { class: "block" }, `${format(it.refund)} goes back.`) : null,
    it.exchange ? h("a", { href: `/admin/orders/${it.exchange.orderId}` }, "What was sent for it") : null,
    h("div", { class: "actions" }, steps(it).map((step, index) => button(it, step, index, load))),
  );
}

function button(it, step, index, load) {
  const look = step === "reject" ? "button danger" : index === 0 ? "button" : "button quiet";
  const element = h("button", { type: "button", class: look }, LABELS[step]);
  element.addEventListener("click", () =>
    busy(element, () =>
      attempt(byId("returns-problem"), null, async () => {
        const body = wish(it, step);
        if (body === null) return;
        await api.post(`/api/returns/${it.id}/${step === "write-off" ? "receive" : step}`, body);
        await load();
        say("Done.");
      }),
    ),
  );
  return element;
}

/** What is sent with a step; null where somebody thought better of it. */
function wish(it, step) {
  if (step === "write-off") return { lines: it.lines.map(({ sku, quantity }) => ({ sku, quantity, restock: false })) };
  if (step !== "reject") return {};
  const reason = prompt("Why not? The customer reads it.");
  if (reason === null) return null;
  return reason.trim() ? { reason: reason.trim() } : {};
}
