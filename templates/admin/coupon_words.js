// What a coupon does, until when, and whether it still does, in words for people.

import { h } from "../storefront/lib/dom.js";
import { format } from "../storefront/lib/money.js";
import { dateTime, humane } from "../storefront/lib/text.js";

/** What it takes off. */
export function off({ type, value, maximumDiscount }) {
  const most = maximumDiscount ? `, ${format(maximumDiscount)} at most` : "";
  if (type === "PERCENTAGE") return `${value} %${most}`;
  if (type === "FIXED") return `${format(value)}${most}`;
  return `${humane(type)}${most}`;
}

/** From when until when. */
export function valid({ startsAt, endsAt }) {
  if (!startsAt && !endsAt) return "Always";
  return [startsAt ? `from ${dateTime(startsAt)}` : null, endsAt ? `until ${dateTime(endsAt)}` : null].filter(Boolean).join(" ");
}

/** How often it was used, and may be. */
export function uses({ usedCount, usageLimit }) {
  return usageLimit === null ? String(usedCount) : `${usedCount} of ${usageLimit}`;
}

/** Whether it can be used now, as far as this computer's clock is right. */
export function state({ startsAt, endsAt, usedCount, usageLimit }) {
  if (endsAt && new Date(endsAt) <= new Date()) return "ENDED";
  if (usageLimit !== null && usedCount >= usageLimit) return "USED_UP";
  return startsAt && new Date(startsAt) > new Date() ? "NOT_YET" : "ACTIVE";
}

const TONE = { ACTIVE: "good", NOT_YET: "wait", USED_UP: "bad", ENDED: "bad" };

export function stateBadge(coupon) {
  const now = state(coupon);
  return h("span", { class: `badge ${TONE[now]}` }, humane(now));
}
