// Words for people: dates, states, and descriptions without their markup.

const BLOCKS = "p, div, li, tr, h1, h2, h3, h4, h5, h6, blockquote, section";

/** The paragraphs of a description that may be HTML; the parsed document runs and loads nothing. */
export function paragraphs(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  parsed.querySelectorAll("script, style, template, noscript, iframe, svg").forEach((element) => element.remove());
  parsed.querySelectorAll("li").forEach((item) => item.prepend("• "));
  parsed.querySelectorAll(BLOCKS).forEach((block) => {
    block.before("\n");
    block.after("\n");
  });
  parsed.querySelectorAll("br").forEach((br) => br.replaceWith("\n"));
  return parsed.body.textContent.split(/\n+/).map((line) => line.replace(/\s+/g, " ").trim()).filter(Boolean);
}

export function dateTime(text) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

export function date(text) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(new Date(text));
}

const STATUS = {
  PENDING: "Waiting for payment",
  CONFIRMED: "Confirmed",
  PROCESSING: "Being packed",
  SHIPPED: "Shipped",
  OUT_FOR_DELIVERY: "Out for delivery",
  DELIVERED: "Delivered",
  CANCELLED: "Cancelled",
};
const PAYMENT = {
  PENDING: "Not paid yet",
  UNKNOWN: "Being checked with the bank",
  AUTHORIZED: "Authorized",
  CAPTURED: "Paid",
  FAILED: "Declined",
  VOIDED: "Voided",
  PARTIALLY_REFUNDED: "Partly refunded",
  REFUNDED: "Refunded",
};
const METHOD = { COD: "Cash on delivery", CARD: "Card", UPI: "UPI", NET_BANKING: "Net banking", WALLET: "Wallet" };

/** `OUT_FOR_DELIVERY` becomes `Out for delivery`, also where this page has never heard of it. */
export function humane(word) {
  const text = String(word).toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
/** A step in an order's history: it is placed before anything is known of its money. */
export function orderStep(status) {
  return status === "PENDING" ? "Placed" : orderStatus(status);
}
export function orderStatus(status) {
  return STATUS[status] ?? humane(status);
}
export function paymentStatus({ payment, status }) {
  if (payment.status === "PENDING" && ["CANCELLED", "DELIVERED"].includes(status)) return "Nothing to pay";
  if (payment.status === "PENDING" && payment.method === "COD") return "To be paid on delivery";
  return PAYMENT[payment.status] ?? humane(payment.status);
}
export function paymentMethod(method) {
  return METHOD[method] ?? humane(method);
}

const RETURN = {
  REQUESTED: "Asked for",
  APPROVED: "Agreed to",
  REJECTED: "Not agreed to",
  RECEIVED: "Came back",
  REFUNDED: "Paid back",
  EXCHANGED: "Exchanged",
};
const RETURN_KIND = { RETURN: "Return", REFUND: "Refund without return", EXCHANGE: "Exchange" };

export function returnStatus(status) {
  return RETURN[status] ?? humane(status);
}
export function returnKind(kind) {
  return RETURN_KIND[kind] ?? humane(kind);
}

/** Which colour a state has. */
export function tone(status) {
  if (["CANCELLED", "FAILED", "ARCHIVED", "REJECTED"].includes(status)) return "bad";
  if (["PENDING", "UNKNOWN", "DRAFT", "SENDING", "REQUESTED"].includes(status)) return "wait";
  if (["DELIVERED", "CAPTURED", "SENT", "ACTIVE", "REFUNDED", "EXCHANGED"].includes(status)) return "good";
  return "go";
}
