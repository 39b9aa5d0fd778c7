// Numbers as people type and paste them: decimal comma, dashes for minus, full-width
// digits, a unit behind. A field of type number drops what it does not know, so that
// "5,5" became 55 and "−3" became 3; here what is not understood is no number.

const DASHES = /[\u2010-\u2015\u2212]/g;
const NUMBER = /^[+-]?(\d+([.,]\d+)?|[.,]\d+)$/;
// "1,250" may be a thousand and more, or little more than one.
const AMBIGUOUS = /,\d{3}$/;

export function readNumber(text, unit = "") {
  let plain = text.normalize("NFKC").replace(DASHES, "-").trim();
  if (plain === "") return null;
  if (unit && plain.endsWith(unit)) plain = plain.slice(0, -unit.length).trimEnd();
  if (!NUMBER.test(plain) || AMBIGUOUS.test(plain)) return NaN;
  return Number(plain.replace(",", "."));
}
