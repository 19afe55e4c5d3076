// Finding an order that was placed without an account: its link is mailed again, and shown to nobody here.

import { newKey } from "./lib/api.js";
import { busy, field, fill, h, values } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { api } from "./shop.js";

/** The form; it says the same whether or not there is such an order. */
export function findOrder() {
  const box = h("div", { role: "alert", class: "problem", hidden: true });
  const button = h("button", { class: "button quiet" }, "Send me the link");
  const form = h(
    "form",
    { class: "panel", "aria-labelledby": "find-title" },
    h("h2", { id: "find-title" }, "Find my order"),
    h("p", { class: "hint" }, "You ordered without an account? We mail you the link to your order again."),
    field("Email", h("input", { id: "find-email", name: "email", type: "email", required: true, autocomplete: "email" })),
    field("Order number", h("input", { id: "find-number", name: "number", required: true, maxlength: 40, autocomplete: "off", placeholder: "ORD-…" })),
    box,
    button,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, form);
    busy(button, async () => {
      try {
        const { email, number } = values(form);
        await api.post("/api/orders/link", { email, number }, { open: true, key: newKey() });
        fill(form, h("p", { role: "status" }, "If there is such an order, a mail with its link is on its way."));
      } catch (problem) {
        show(box, problem, form);
      }
    });
  });
  return form;
}
