// @ts-check
import { loadPreferences } from '../app/preferences.js';
import { english } from './strings.en.js';

/** @typedef {keyof typeof english} Key */

/** What one can choose from, each in its own words. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' };

/** The chosen language, else the browser's if we speak it.
 * @type {string} */
export const language = [loadPreferences().language, ...navigator.languages].map((each) => each.split('-')[0]).find((each) => each in LANGUAGES) ?? 'en';

/** @type {Record<Key, string>} */
const strings = language === 'de' ? (await import('./strings.de.js')).german : english;

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
