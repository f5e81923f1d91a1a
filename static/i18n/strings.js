// @ts-check
import { loadPreferences } from '../app/preferences.js';
import { english } from './strings.en.js';

/** @typedef {keyof typeof english} Key */

/** What one can choose from, each in its own words. */
export const LANGUAGES = {
  en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', 'pt-BR': 'Português (Brasil)', pl: 'Polski', ja: '日本語', ar: 'العربية',
};

/** Where the words of the others are.
 * @type {Record<string, () => Promise<Record<Key, string>>>} */
const WORDS = {
  'de': async () => (await import('./strings.de.js')).german,
  'fr': async () => (await import('./strings.fr.js')).french,
  'es': async () => (await import('./strings.es.js')).spanish,
  'pt-BR': async () => (await import('./strings.pt-BR.js')).portuguese,
  'pl': async () => (await import('./strings.pl.js')).polish,
  'ja': async () => (await import('./strings.ja.js')).japanese,
  'ar': async () => (await import('./strings.ar.js')).arabic,
};

/** The chosen language, else the browser's if we speak it.
 * @type {string} */
export const language = [loadPreferences().language, ...navigator.languages].map(spoken).find((code) => code !== undefined) ?? 'en';

/** Which way it is written.
 * @type {'ltr' | 'rtl'} */
export const direction = language === 'ar' ? 'rtl' : 'ltr';

/** @type {Record<Key, string>} */
const strings = language in WORDS ? await WORDS[language]() : english;

/** The language that comes closest, or undefined.
 * @param {string} wanted a tag of BCP 47 */
function spoken(wanted) {
  const codes = Object.keys(LANGUAGES);
  const [base] = wanted.split('-');
  return codes.find((code) => code === wanted) ?? codes.find((code) => code.split('-')[0] === base);
}

/** @param {string} key
 * @returns {key is Key} */
export function isKey(key) {
  return Object.hasOwn(strings, key);
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function text(key, values = {}) {
  return strings[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}
