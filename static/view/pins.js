// @ts-check

/** How many digits a PIN has that is made here. */
const DIGITS = 6;

/** The PIN that somebody has typed, with or without blanks; nothing where it is none.
 * @param {string} typed */
export function pinOf(typed) {
  const pin = typed.replace(/\s/g, '');
  return /^\d{6,12}$/.test(pin) ? pin : '';
}

/** A new PIN, by chance. */
export function newPin() {
  const [number] = crypto.getRandomValues(new BigUint64Array(1)); // of 2^64, so that no digits are likelier than others
  return String(number % 10n ** BigInt(DIGITS)).padStart(DIGITS, '0');
}
