// Builds and finds elements. Data only ever becomes text or an attribute's value, never markup.

/** An element: `h("a", { href: "/", class: "button" }, "Home")`. Functions become listeners. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Replaces what is in `element`. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A field with its label; `control` is an input, select or textarea with an id. */
export function field(label, control, hint) {
  const hintId = hint ? `${control.id}-hint` : null;
  if (hintId) control.setAttribute("aria-describedby", hintId);
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label, control.required ? null : h("span", { class: "optional" }, " (optional)")),
    control,
    hint ? h("p", { class: "hint", id: hintId }, hint) : null,
  );
}

export function option(value, text, selected = false) {
  return h("option", { value, selected }, text);
}

/** A `select` of pairs `[value, text]`. */
export function select(attributes, pairs, chosen) {
  return h("select", attributes, pairs.map(([value, text]) => option(value, text, value === chosen)));
}

/** Runs `work` with the button switched off, so that a second click does nothing. */
export async function busy(button, work) {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

/** The values of a form by name, trimmed; empty ones are left out. */
export function values(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && value.trim() !== "") found[name] = name.startsWith("password") ? value : value.trim();
  }
  return found;
}

/** `/orders/123` is `["orders", "123"]`. */
export function pathParts() {
  return location.pathname.split("/").filter(Boolean).map(decodeURIComponent);
}
