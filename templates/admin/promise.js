// Money that a provider has promised: staff takes it, takes less, or gives it back.

import { byId } from "../storefront/lib/dom.js";
import { format, parse } from "../storefront/lib/money.js";
import { api, onSubmit, say } from "./admin.js";

// In the shape of what the shop objects to.
const NO_AMOUNT = { code: "INVALID", errors: [{ field: "amount", message: "must be an amount such as 199.50" }] };

let promise = null;

/** Offers the form while a promise stands; of one attempt at most there is one. */
export function showPromise(attempts) {
  promise = attempts.find((attempt) => attempt.status === "AUTHORIZED") ?? null;
  byId("promise").hidden = promise === null;
  if (promise) byId("amount").placeholder = format(promise.amount);
}

export function bindPromise(order, load) {
  onSubmit(byId("promise"), byId("promise-problem"), async (form, button) => {
    const action = button.value;
    if (action === "void" && !confirm("Give the money back? The order is cancelled.")) return;
    const text = action === "capture" ? form.elements.amount.value.trim() : "";
    const amount = text ? parse(text, promise.amount.currency) : null;
    if (text && amount === null) throw NO_AMOUNT;
    await api.post(`/api/orders/${order}/payments/${promise.id}/${action}`, amount ? { amount } : {});
    form.reset();
    await load();
    say(action === "void" ? "The money goes back." : "The money is being taken.");
  });
}
