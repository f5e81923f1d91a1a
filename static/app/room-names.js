// @ts-check
const FIRST = ['amber', 'brave', 'bright', 'calm', 'clear', 'coral', 'eager', 'fair', 'fresh', 'gentle', 'glad', 'golden', 'green', 'happy',
  'jolly', 'kind', 'light', 'lively', 'lucky', 'mellow', 'merry', 'mild', 'noble', 'open', 'proud', 'quick', 'quiet', 'rapid', 'silver', 'sunny',
  'warm', 'wise'];
const SECOND = ['alder', 'aspen', 'birch', 'brook', 'canyon', 'cedar', 'cove', 'creek', 'delta', 'dune', 'fern', 'field', 'fjord', 'forest',
  'garden', 'glade', 'grove', 'harbour', 'island', 'lagoon', 'lake', 'maple', 'meadow', 'orchard', 'pine', 'prairie', 'reef', 'river', 'spruce',
  'tundra', 'valley', 'willow'];
/** Without the letters and digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/** A room name that is easy to say and, with about 35 bits, hard to guess. */
export function suggestRoom() {
  const random = crypto.getRandomValues(new Uint32Array(7));
  /** @param {string | string[]} from @param {number} index */
  const pick = (from, index) => from[random[index] % from.length];
  const tail = [2, 3, 4, 5, 6].map((index) => pick(ALPHABET, index)).join('');
  return `${pick(FIRST, 0)}-${pick(SECOND, 1)}-${tail}`;
}

/** Latin letters that Unicode does not take apart into a plain one and a mark.
 * @type {Record<string, string>} */
const LETTERS = { ß: 'ss', ø: 'o', Ø: 'O', ł: 'l', Ł: 'L', đ: 'd', Đ: 'D', æ: 'ae', Æ: 'Ae', œ: 'oe', Œ: 'Oe', ı: 'i' };

/** What was typed, as a room name: letters lose their accents, and blanks become dashes.
 * @param {string} typed */
export function roomName(typed) {
  const plain = typed.trim().normalize('NFKD').replace(/\p{M}/gu, '').replace(/[^\0-\x7f]/g, (letter) => LETTERS[letter] ?? letter);
  return plain.replace(/\s+/g, '-');
}

/** @param {string} name */
export function isRoomName(name) {
  return /^[a-zA-Z0-9._-]{1,64}$/.test(name);
}

/** The room that the address names, or null on the front page and where the address names none. */
export function roomOfPage() {
  const match = /^\/r\/([^/]+)\/?$/.exec(location.pathname);
  return match && isRoomName(match[1]) ? match[1] : null;
}

/** The link for guests, without what makes one a host. */
export function roomAddress() {
  return location.origin + location.pathname;
}
