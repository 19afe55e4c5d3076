// Says what went wrong, beside the field where it can, otherwise in the form's own box.

import { fill, h } from "./dom.js";

const WORDS = {
  BAD_CREDENTIALS: "The mail address or the password is wrong.",
  EMAIL_TAKEN: "There is an account with this mail address already. Sign in instead.",
  UNAUTHENTICATED: "Your session has ended. Please sign in again.",
  CART_ORDERED: "This cart has been ordered already. See your orders.",
  EMPTY_ORDER: "There is nothing in your cart.",
  IDEMPOTENCY_MISMATCH: "An order of this checkout has been placed already. See your orders before you try again.",
  OUTCOME_UNKNOWN: "We could not see whether this went through. Press the button again; nothing happens twice.",
  VERSION_MISMATCH: "Somebody else changed this meanwhile. Reload the page and try again.",
  PAYMENT_REQUIRED: "The order is not paid yet.",
};

/** One sentence for people. */
export function words(problem) {
  if (problem.code === "SOLD_OUT") return soldOut(problem.body.lines ?? []);
  if (problem.status === 429) return `Too many requests. Try again in ${problem.retryAfter ?? 60} seconds.`;
  if (WORDS[problem.code]) return WORDS[problem.code];
  const text = problem.message.charAt(0).toUpperCase() + problem.message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function soldOut(lines) {
  if (lines.length === 0) return "There is not enough stock.";
  const one = (line) => `${line.name ?? line.sku}: you asked for ${line.requested}, ${Math.max(line.available, 0)} left`;
  return `There is not enough stock. ${lines.map(one).join("; ")}.`;
}

/** Shows a problem in `box` (which has role="alert"), and beside the fields of `form` that it names. */
export function show(box, problem, form) {
  clear(box, form);
  if (!("code" in problem)) {
    console.error(problem);
    fill(box, "This page has a fault. Please reload it.");
  } else {
    const rest = problem.errors.filter((error) => !form || !beside(form, error));
    const sentences = problem.errors.length === 0 ? [words(problem)] : rest.map((error) => `${error.field} ${error.message}.`);
    fill(box, sentences.length === 0 ? "Please check the marked fields." : sentences.map((text) => h("p", {}, text)));
  }
  box.hidden = false;
  const marked = form?.querySelector("[aria-invalid]");
  if (marked) marked.focus();
  else box.scrollIntoView({ block: "nearest" });
}

export function clear(box, form) {
  box.hidden = true;
  fill(box);
  form?.querySelectorAll(".field-error").forEach((note) => note.remove());
  form?.querySelectorAll("[aria-invalid]").forEach((input) => {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  });
}

function beside(form, error) {
  const name = error.field.split(".").pop();
  const input = form.elements.namedItem(name);
  if (!(input instanceof HTMLElement) || !input.id) return false;
  const id = `${input.id}-error`;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", id);
  input.after(h("p", { class: "field-error", id }, `This ${error.message}.`));
  return true;
}
