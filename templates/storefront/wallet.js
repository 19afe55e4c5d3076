// What a customer has with the shop: how much, what moved it, and putting something in.

import { newKey } from "./lib/api.js";
import { busy, byId, field, fill, h } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { format, parse } from "./lib/money.js";
import { dateTime } from "./lib/text.js";
import { sandboxAnswer } from "./payment.js";
import { api, say } from "./shop.js";

const WALLET = "/api/wallet/me";
const KINDS = { TOP_UP: "Put in", SPEND: "Paid an order", REFUND: "Came back", DECLINED: "Not enough for an order", VOIDED: "Given up" };
const ENTRIES = 10;

/** Fills the section of the wallet. */
export async function wallet() {
  await load();
  const { currency } = document.documentElement.dataset;
  const amount = h("input", { id: "top-up-amount", name: "amount", inputmode: "decimal", required: true, pattern: "[0-9]+([.][0-9]+)?" });
  const form = byId("top-up");
  fill(byId("top-up-fields"), field(`Amount (${currency})`, amount), sandboxAnswer("top-up-token"));
  let key = newKey();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const box = byId("wallet-problem");
    clear(box, form);
    busy(form.querySelector("button"), async () => {
      try {
        const wanted = { amount: parse(amount.value, currency), token: form.elements.token.value };
        const { topUp } = await api.post(`${WALLET}/topup`, wanted, { key });
        key = newKey();
        say(outcome(topUp));
        await load();
      } catch (problem) {
        show(box, problem, form);
      }
    });
  });
}

function outcome(topUp) {
  if (topUp.status === "CAPTURED") return `${format(topUp.amount)} are in your wallet.`;
  return topUp.status === "FAILED" ? "The payment was declined. Nothing was taken." : "The payment is on its way.";
}

async function load() {
  const [{ balance }, { items }] = await Promise.all([api.get(WALLET), api.get(`${WALLET}/entries?limit=${ENTRIES}`)]);
  byId("balance").textContent = format(balance);
  const row = (entry) => h("li", {}, h("span", {}, KINDS[entry.kind] ?? entry.kind), h("span", { class: "hint" }, dateTime(entry.at)), h("span", { class: "line-total" }, format(entry.amount)));
  fill(byId("wallet-entries"), items.map(row));
}
