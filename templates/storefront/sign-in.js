// The sign-in page: both forms, then back to where one came from.

import { byId, fill } from "./lib/dom.js";
import { accessForms } from "./access.js";
import { findOrder } from "./find-order.js";
import { api, start } from "./shop.js";

start(async () => {
  const go = () => location.replace(next());
  if (api.user) return go();
  accessForms(byId("access"), go);
  fill(byId("find"), findOrder());
});

/** Only ever a page of this shop. */
function next() {
  const text = new URLSearchParams(location.search).get("next") ?? "/";
  if (!URL.canParse(text, location.origin)) return "/";
  const wanted = new URL(text, location.origin);
  return wanted.origin === location.origin && wanted.pathname !== "/sign-in" ? wanted.pathname + wanted.search : "/";
}
