// Money that a provider has promised: staff takes it, takes less, or gives it back.

import { byId } from "../storefront/lib/dom.js";
import { format } from "../storefront/lib/money.js";
import { amountOf, api, onSubmit, say } from "./admin.js";

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
    const amount = action === "capture" ? amountOf(form, promise.amount.currency) : null;
    await api.post(`/api/orders/${order}/payments/${promise.id}/${action}`, amount ? { amount } : {});
    form.reset();
    await load();
    say(action === "void" ? "The money goes back." : "The money is being taken.");
  });
}
