// @ts-check
/** Addresses in a text; what ends a sentence does not belong to them, nor what isn't seen, as marks that turn what follows round. */
const ADDRESS = /https?:\/\/[^\s\p{Cf}<>"]+[^\s\p{Cf}<>".,;:!?'’”)\]}]/giu;

/**
 * A text as pieces of plain text and links. Only http and https become links.
 *
 * @param {string} words
 * @returns {{text: string, href: string | null}[]}
 */
export function linkify(words) {
  const pieces = [];
  let end = 0;
  for (const match of words.matchAll(ADDRESS)) {
    const href = address(match[0]);
    if (!href) continue;
    if (match.index > end) pieces.push({ text: words.slice(end, match.index), href: null });
    pieces.push({ text: match[0], href });
    end = match.index + match[0].length;
  }
  if (end < words.length) pieces.push({ text: words.slice(end), href: null });
  return pieces;
}

/** @param {string} words */
function address(words) {
  try {
    const { href, protocol } = new URL(words);
    return protocol === 'https:' || protocol === 'http:' ? href : null;
  } catch {
    return null;
  }
}
