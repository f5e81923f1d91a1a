// @ts-check
import { isKey, text } from '../strings.js';

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * A new element with attributes and children; `class` is an attribute like any other.
 *
 * @template {keyof HTMLElementTagNameMap} N
 * @param {N} name
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} name a symbol of icons.svg */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Shows another icon in an element that has one.
 * @param {Element} holder @param {string} name */
export function setIcon(holder, name) {
  holder.querySelector('use')?.setAttribute('href', `/static/icons.svg#${name}`);
}

/** Fills in the words of the static page. */
export function translate() {
  for (const [attribute, put] of Object.entries(PLACES)) {
    for (const target of document.querySelectorAll(`[${attribute}]`)) {
      const key = target.getAttribute(attribute) ?? '';
      if (isKey(key)) put(target, text(key));
    }
  }
}

/** @type {Record<string, (target: Element, words: string) => void>} */
const PLACES = {
  'data-text': (target, words) => { target.textContent = words; },
  'data-label': (target, words) => {
    target.setAttribute('aria-label', words);
    if (target instanceof HTMLButtonElement) target.title = words;
  },
  'data-drop-text': (target, words) => target.setAttribute('data-hint', words),
  'data-placeholder': (target, words) => target.setAttribute('placeholder', words),
};
