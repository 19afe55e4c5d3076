// How an order is paid. Where the shop's provider is the sandbox, one chooses in place of a card's
// number what the bank shall answer; no money moves.

import { h, select } from "./lib/dom.js";

const METHODS = [
  ["COD", "Cash on delivery", "Pay when the parcel arrives."],
  ["CARD", "Card", "Paid at once."],
  ["UPI", "UPI", "Paid at once."],
  ["NET_BANKING", "Net banking", "Paid at once from your bank account."],
  ["WALLET", "Wallet", "Paid out of what you have with us."],
];
const ANSWERS = [
  ["tok_ok", "Accept the payment"],
  ["tok_declined", "Decline the payment"],
  ["tok_timeout_then_ok", "Stay silent, then accept"],
  ["tok_timeout_then_declined", "Stay silent, then decline"],
  ["tok_pending", "Wait for the customer's bank"],
];

const { provider, checkout } = document.documentElement.dataset;
const SANDBOX = provider === "sandbox";
const NET_BANKING = SANDBOX || checkout !== "";

/** Where the sandbox takes the money: what the bank shall answer. */
export function sandboxAnswer(id) {
  return h(
    "div",
    { class: "field sandbox", hidden: !SANDBOX },
    h("label", { for: id }, "This shop takes test payments. The bank shall"),
    select({ id, name: "token" }, SANDBOX ? ANSWERS : [["", ""]]),
  );
}

/** Whether the bank is asked. */
function byBank(method) {
  return method !== "COD" && method !== "WALLET";
}

/** The choice of a method. */
export function paymentFields(legend, methods) {
  const token = sandboxAnswer("token");
  const offered = METHODS.filter(([id]) => methods.includes(id) && (id !== "NET_BANKING" || NET_BANKING));
  const choices = offered.map(([id, name, hint], index) => {
    const input = h("input", { type: "radio", id: `method-${id}`, name: "method", value: id, checked: index === 0 });
    return h("div", { class: "choice" }, input, h("label", { for: input.id }, h("span", {}, name), h("span", { class: "hint" }, hint)));
  });
  const fieldset = h("fieldset", { class: "choices" }, h("legend", {}, legend), choices, token);
  const refresh = () => {
    token.hidden = !SANDBOX || !byBank(fieldset.querySelector("input:checked").value);
  };
  fieldset.addEventListener("change", refresh);
  refresh();
  return fieldset;
}

/** What the API takes. */
export function readPayment(form) {
  const method = form.elements.method.value;
  return !byBank(method) || !SANDBOX ? { method } : { method, token: form.elements.token.value };
}
