// Sends the customer on to the provider's own checkout, which wants to be called by a form.

import { byId, h } from "./lib/dom.js";
import { start } from "./shop.js";

const { checkout, checkoutKey, shop } = document.documentElement.dataset;
const order = new URLSearchParams(location.search).get("order") ?? "";

start(() => {
  if (!checkout || !/^order_[A-Za-z0-9]+$/.test(order)) {
    byId("missing").hidden = false;
    return;
  }
  const form = byId("go");
  form.action = `${checkout}/v1/checkout/embedded`;
  const fields = {
    key_id: checkoutKey,
    order_id: order,
    name: shop,
    callback_url: `${location.origin}/pay/razorpay`,
    cancel_url: `${location.origin}/orders`,
    // Another try is another attempt of the shop's.
    retry: "false",
  };
  form.append(...Object.entries(fields).map(([name, value]) => h("input", { type: "hidden", name, value })));
  form.hidden = false;
});
