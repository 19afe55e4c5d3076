// Money is a whole number of minor units and a currency; no floating point anywhere.

// ISO 4217 currencies whose minor unit is not a hundredth.
const EXPONENTS = {
  BHD: 3, BIF: 0, CLF: 4, CLP: 0, DJF: 0, GNF: 0, IQD: 3, ISK: 0, JOD: 3, JPY: 0, KMF: 0, KRW: 0, KWD: 3, LYD: 3, OMR: 3,
  PYG: 0, RWF: 0, TND: 3, UGX: 0, UYI: 0, UYW: 4, VND: 0, VUV: 0, XAF: 0, XOF: 0,
};

/** How many decimals a major unit has. */
function exponent(currency) {
  return EXPONENTS[currency] ?? 2;
}

/** `{amount: 1999, currency: "INR"}` is "19.99". */
export function decimal({ amount, currency }) {
  const digits = exponent(currency);
  const text = String(Math.abs(amount)).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  const part = digits === 0 ? "" : `.${text.slice(-digits)}`;
  return `${amount < 0 ? "-" : ""}${whole}${part}`;
}

/** As people write it where they live. */
export function format(money) {
  if (!money) return "";
  const digits = exponent(money.currency);
  const style = { style: "currency", currency: money.currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(undefined, style).format(decimal(money));
}

/** "From X" where prices differ. */
export function formatRange({ min, max }) {
  return min.amount === max.amount ? format(min) : `From ${format(min)}`;
}

/** "19.99" is `{amount: 1999, currency}`; null for what is no amount of this currency. */
export function parse(text, currency) {
  const digits = exponent(currency);
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim());
  if (!match || (match[2] ?? "").length > digits) return null;
  const amount = Number(match[1] + (match[2] ?? "").padEnd(digits, "0"));
  return Number.isSafeInteger(amount) ? { amount, currency } : null;
}
