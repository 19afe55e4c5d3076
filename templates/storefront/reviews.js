// What customers say about a product: read by everybody, written by whoever is signed in.

import { newKey } from "./lib/api.js";
import { busy, byId, field, fill, h, select, values } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { date } from "./lib/text.js";
import { api, say } from "./shop.js";

const STARS = [["5", "5, excellent"], ["4", "4, good"], ["3", "3, fair"], ["2", "2, poor"], ["1", "1, bad"]];

/** Fills the section of a product's reviews. */
export async function reviews(product) {
  const path = `/api/products/${product.id}/reviews`;
  summary(product.rating);
  form(path);
  await more(path, "");
}

function summary(rating) {
  const count = rating?.count ?? 0;
  const words = count === 1 ? "1 review" : `${count} reviews`;
  byId("rating").textContent = count === 0 ? "Nobody has said anything yet." : `${rating.average} of 5, ${words}`;
}

/** Shows one page of reviews below those that are there. */
async function more(path, cursor) {
  const page = await api.get(`${path}?limit=10&cursor=${encodeURIComponent(cursor)}`);
  byId("reviews").append(...page.items.map(one));
  const next = byId("more-reviews");
  next.hidden = page.nextCursor === null;
  next.onclick = () => busy(next, () => more(path, page.nextCursor).catch((problem) => show(byId("review-problem"), problem)));
}

function one(review) {
  const waits = review.status === "PENDING" ? h("span", { class: "badge" }, "Waits to be read by us") : null;
  return h(
    "li",
    {},
    h("p", {}, h("strong", {}, `${review.rating} of 5`), review.title ? ` · ${review.title}` : null, waits),
    review.text.split(/\n+/).map((line) => h("p", {}, line)),
    h("p", { class: "hint" }, review.verifiedPurchase ? `${date(review.createdAt)} · bought here` : date(review.createdAt)),
  );
}

function form(path) {
  const place = byId("write-review");
  if (!api.user) {
    fill(place, h("p", {}, h("a", { href: `/sign-in?next=${encodeURIComponent(location.pathname)}` }, "Sign in"), " to write a review."));
    return;
  }
  const key = newKey();
  const box = h("div", { class: "problem", role: "alert", hidden: true });
  const button = h("button", { class: "button" }, "Send review");
  const rating = select({ id: "review-rating", name: "rating", required: true }, STARS);
  const title = h("input", { id: "review-title", name: "title", maxlength: 255 });
  const text = h("textarea", { id: "review-text", name: "text", required: true, rows: 4 });
  const element = h("form", {}, field("Rating", rating), field("Title", title), field("Your review", text), box, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, element);
    busy(button, async () => {
      try {
        const said = values(element);
        await api.post(path, { ...said, rating: Number(said.rating) }, { key });
        fill(place, h("p", {}, "Thank you. We read each review before others see it."));
        say("Your review was sent.");
      } catch (problem) {
        show(box, problem, element);
      }
    });
  });
  fill(place, h("details", {}, h("summary", {}, "Write a review"), element));
}
