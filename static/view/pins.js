// @ts-check

/** How many digits a PIN has that is made here. */
const DIGITS = 6;

/** A new PIN, by chance. */
export function newPin() {
  const [number] = crypto.getRandomValues(new BigUint64Array(1)); // of 2^64, so that no digits are likelier than others
  return String(number % 10n ** BigInt(DIGITS)).padStart(DIGITS, '0');
}
