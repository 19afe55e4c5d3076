// Postal addresses: as lines, and as a form.

import { field, h, select, values } from "./dom.js";

// ISO 3166-1 alpha-2.
const COUNTRIES =
  "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI " +
  "CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ " +
  "GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS " +
  "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG " +
  "PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK " +
  "TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/** The address as it stands on a parcel. */
export function lines(address) {
  const place = [address.postalCode, address.city].filter(Boolean).join(" ");
  const region = [place, address.state].filter(Boolean).join(", ");
  return [address.fullName, address.line1, address.line2, region, countryName(address.country), address.phone].filter(Boolean);
}

export function addressBlock(address) {
  return h("address", {}, lines(address).map((line) => h("span", {}, line)));
}

/** The fields of an address with what is known filled in; read them with `readAddress`. */
export function addressFields(prefix, known = {}) {
  const text = (name, label, attributes = {}) =>
    field(label, h("input", { id: `${prefix}-${name}`, name, value: known[name] ?? "", required: true, maxlength: 255, ...attributes }));
  return h(
    "div",
    { class: "fields" },
    text("fullName", "Full name", { autocomplete: "name" }),
    text("phone", "Phone", { autocomplete: "tel", type: "tel", required: false, maxlength: 32 }),
    text("line1", "Street and house", { autocomplete: "address-line1" }),
    text("line2", "Flat, floor, landmark", { autocomplete: "address-line2", required: false }),
    text("postalCode", "Postal code", { autocomplete: "postal-code", maxlength: 20 }),
    text("city", "City", { autocomplete: "address-level2" }),
    text("state", "State or region", { autocomplete: "address-level1", required: false }),
    field(
      "Country",
      select({ id: `${prefix}-country`, name: "country", required: true, autocomplete: "country" }, countries(), known.country ?? likely()),
    ),
  );
}

export function readAddress(form) {
  const all = values(form);
  const names = ["fullName", "phone", "line1", "line2", "postalCode", "city", "state", "country"];
  return Object.fromEntries(names.filter((name) => all[name]).map((name) => [name, all[name]]));
}

function countryName(code) {
  return new Intl.DisplayNames(undefined, { type: "region" }).of(code);
}

function countries() {
  const pairs = COUNTRIES.split(" ").map((code) => [code, countryName(code)]);
  return pairs.sort((a, b) => a[1].localeCompare(b[1]));
}

/** The country of the shop's currency where that says it, otherwise the browser's. */
function likely() {
  const ofCurrency = document.documentElement.dataset.currency.slice(0, 2);
  if (COUNTRIES.includes(ofCurrency) && ofCurrency !== "EU") return ofCurrency;
  return new Intl.Locale(navigator.language).maximize().region;
}
