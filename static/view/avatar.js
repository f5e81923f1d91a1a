// @ts-check
import { element } from './dom.js';

/** @param {{id: string, name: string}} person */
export function avatar(person) {
  const made = element('div', { class: 'avatar', 'aria-hidden': 'true' });
  paintAvatar(made, person);
  return made;
}

/**
 * Initials on a colour that stays with a person.
 *
 * @param {HTMLElement} target
 * @param {{id: string, name: string}} person
 */
export function paintAvatar(target, { id, name }) {
  target.textContent = initials(name);
  target.style.setProperty('--hue', String(hueOf(name + id)));
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/);
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return chosen.map(firstLetter).join('').toLocaleUpperCase();
}

/** What a reader takes for one letter, such as a flag or a family.
 * @param {string} word */
function firstLetter(word) {
  const [first] = new Intl.Segmenter().segment(word);
  return first?.segment ?? '';
}

/** As degrees.
 * @param {string} words */
function hueOf(words) {
  return [...words].reduce((sum, letter) => (sum * 137 + (letter.codePointAt(0) ?? 0) * 53) % 360, 0);
}
