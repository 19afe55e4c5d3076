// What customers say about products, newest first, and whether others see it.

import { byId, fill, h } from "../storefront/lib/dom.js";
import { dateTime, tone } from "../storefront/lib/text.js";
import { api, filters, moreButton, onSubmit, say, start } from "./admin.js";

const STATUS = { PENDING: "To be read", APPROVED: "Shown", REJECTED: "Not shown" };
const LABELS = { APPROVED: "Show it", REJECTED: "Do not show it" };
const SAID = { APPROVED: "Everybody sees it now.", REJECTED: "Nobody but its author sees it." };

/** The products that reviews are about, by id. */
const products = new Map();

start(() => {
  const { status } = filters();
  const query = new URLSearchParams({ limit: 30 });
  if (status) query.set("status", status);
  return more(query, null);
});

async function more(query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/reviews?${query}`);
  await readProducts(page.items);
  const rows = byId("rows");
  rows.append(...page.items.map((review) => fill(h("li", { class: "panel" }), ...one(review))));
  byId("empty").hidden = rows.children.length > 0;
  moreButton(page.nextCursor, (next) => more(query, next));
}

/** A product that is gone leaves its review without a name. */
async function readProducts(reviews) {
  const ids = [...new Set(reviews.map((review) => review.productId))].filter((id) => !products.has(id));
  const found = await Promise.allSettled(ids.map((id) => api.get(`/api/products/${id}`)));
  found.forEach((result, index) => products.set(ids[index], result.value?.name ?? "A product that is gone"));
}

function one(review) {
  return [
    h("p", {}, h("a", { href: `/admin/products/${review.productId}` }, products.get(review.productId)), " ", h("span", { class: `badge ${tone(review.status)}` }, STATUS[review.status] ?? review.status)),
    h("p", {}, h("strong", {}, `${review.rating} of 5`), review.title ? ` · ${review.title}` : null),
    h("p", { class: "said" }, review.text),
    h("p", { class: "hint" }, [dateTime(review.createdAt), review.verifiedPurchase ? "bought here" : null, review.reason].filter(Boolean).join(" · ")),
    decision(review),
  ];
}

function decision(review) {
  const id = `reason-${review.id}`;
  const reason = h("input", { id, name: "reason", maxlength: 255, placeholder: "Why, for its author (optional)", "aria-label": "Why" });
  const box = h("div", { class: "problem", role: "alert", hidden: true });
  const buttons = Object.keys(LABELS).filter((status) => status !== review.status);
  const form = h("form", {}, h("div", { class: "actions" }, reason, buttons.map((status) => h("button", { class: status === "REJECTED" ? "button danger small" : "button small", value: status }, LABELS[status]))), box);
  onSubmit(form, box, async (_, button) => {
    const why = reason.value.trim();
    const status = button.value;
    const decided = await api.put(`/api/reviews/${review.id}/moderation`, why ? { status, reason: why } : { status }, { version: review.version });
    fill(form.closest("li"), ...one(decided));
    say(SAID[status]);
  });
  return form;
}
