// A product's picture, or a calm tile with its first letter while there is none. Pictures may be
// links into the world that no longer lead anywhere; the tile stays until one has really arrived.

import { h } from "./dom.js";

const TINTS = 6;

export function picture(image, name, className = "") {
  const tint = Array.from(name).reduce((sum, char) => sum + char.codePointAt(0), 0) % TINTS;
  const box = h("div", { class: `picture tint-${tint} ${className}` }, h("span", { "aria-hidden": "true" }, Array.from(name)[0] ?? "?"));
  const source = image && safe(image.url);
  if (source) {
    const shown = h("img", { src: source, alt: image.alt || name, loading: "lazy", decoding: "async", class: "arriving" });
    shown.addEventListener("load", () => shown.classList.remove("arriving"));
    shown.addEventListener("error", () => shown.remove());
    box.append(shown);
  }
  return box;
}

/** Only what the page may load: https anywhere, and our own pictures. */
function safe(url) {
  try {
    const parsed = new URL(url, location.origin);
    return parsed.protocol === "https:" || parsed.origin === location.origin ? parsed.href : null;
  } catch {
    return null;
  }
}
