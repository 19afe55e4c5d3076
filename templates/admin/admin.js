// What every page of the back office begins with: a session of its own, for staff only.

import { Api } from "../storefront/lib/api.js";
import { busy, byId, fill, h, values } from "../storefront/lib/dom.js";
import { clear, show } from "../storefront/lib/errors.js";
import { parse } from "../storefront/lib/money.js";

export const api = new Api("admin");
export const currency = document.documentElement.dataset.currency;

/** Runs a page, once somebody of the staff is signed in. */
export async function start(work) {
  if (api.user?.role !== "ADMIN") return askForLogin();
  byId("sections").hidden = false;
  for (const link of byId("sections").querySelectorAll("a")) {
    const here = link.pathname === "/admin" ? /^\/admin(\/orders\/.*)?$/ : new RegExp(`^${link.pathname}(/|$)`);
    if (here.test(location.pathname)) link.setAttribute("aria-current", "page");
  }
  const out = byId("sign-out");
  out.hidden = false;
  out.onclick = () =>
    busy(out, async () => {
      await api.logout();
      location.assign("/admin");
    });
  byId("page").hidden = false;
  await attempt(byId("problem"), null, work);
}

/** Does something and says what the shop objects to; answers whether it went well. */
export async function attempt(box, form, work) {
  clear(box, form);
  try {
    await work();
    return true;
  } catch (problem) {
    if (problem.code === "UNAUTHENTICATED") askForLogin();
    else show(box, problem, form);
    return false;
  }
}

/** Sends a form by its button. */
export function onSubmit(form, box, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter ?? form.querySelector("button"), () => attempt(box, form, () => work(form, event.submitter)));
  });
}

/** What a form's field for an amount says; null where it is empty. */
export function amountOf(form, currency, name = "amount") {
  const text = form.elements[name].value.trim();
  const amount = text ? parse(text, currency) : null;
  // In the shape of what the shop objects to.
  if (text && amount === null) throw { code: "INVALID", errors: [{ field: name, message: "must be an amount such as 199.50" }] };
  return amount;
}

export function say(text) {
  const box = byId("status");
  fill(box, text);
  box.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => {
    box.hidden = true;
  }, 4000);
}

/** Puts a "show more" button where there is more. */
export function moreButton(cursor, work) {
  const button = h("button", { type: "button", class: "button quiet" }, "Show more");
  button.addEventListener("click", () => busy(button, () => attempt(byId("problem"), null, () => work(cursor))));
  fill(byId("more"), cursor ? button : null);
}

/** What the address asks for, filled into the filter form as well. */
export function filters() {
  const wanted = new URLSearchParams(location.search);
  const form = byId("filters");
  for (const [name, value] of wanted) {
    if (form.elements.namedItem(name)) form.elements.namedItem(name).value = value;
  }
  for (const chooser of form.querySelectorAll("select")) chooser.addEventListener("change", () => form.requestSubmit());
  return values(form);
}

function askForLogin() {
  byId("page").hidden = true;
  const form = byId("login");
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    busy(byId("login-button"), () =>
      attempt(byId("login-problem"), form, async () => {
        const { email, password } = values(form);
        const user = await api.login(email, password);
        if (user.role === "ADMIN") return location.reload();
        await api.logout();
        fill(byId("login-problem"), "This account is a customer's. The back office is for staff.").hidden = false;
      }),
    );
  };
  byId("login-email").focus();
}
