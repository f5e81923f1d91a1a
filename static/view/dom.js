// @ts-check
import { direction, isKey, language, text } from '../i18n/strings.js';

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
  use.setAttribute('href', `/static/icons/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Shows another icon in an element that has one.
 * @param {Element} holder @param {string} name */
export function setIcon(holder, name) {
  holder.querySelector('use')?.setAttribute('href', `/static/icons/icons.svg#${name}`);
}

/** Fills in the words of the static page. */
export function translate() {
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
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

/** @type {Map<string, () => void>} */
const actions = new Map();

/** What buttons with this `data-action` do; there may be several of them, in the toolbar and in a menu.
 * @param {string} name @param {() => void} action */
export function onAction(name, action) {
  if (!actions.size) document.addEventListener('click', act);
  actions.set(name, action);
}

/** @param {MouseEvent} event */
function act(event) {
  const button = event.target instanceof Element ? event.target.closest('[data-action]') : null;
  if (!(button instanceof HTMLElement)) return;
  const menu = button.closest('[popover]');
  if (menu instanceof HTMLElement) menu.hidePopover();
  actions.get(button.dataset.action ?? '')?.();
}

/**
 * Shows the state of an action on all its buttons.
 *
 * @param {string} name
 * @param {{active?: boolean, expanded?: boolean, disabled?: boolean, hidden?: boolean, on?: boolean, label?: string, icon?: string, caption?: string, count?: number}} state
 */
export function showAction(name, { active, expanded, disabled, hidden, on, label, icon: symbol, caption, count }) {
  for (const button of document.querySelectorAll(`[data-action="${name}"]`)) {
    if (!(button instanceof HTMLButtonElement)) continue;
    if (active !== undefined) button.toggleAttribute('data-active', active);
    if (expanded !== undefined) button.setAttribute('aria-expanded', String(expanded));
    if (disabled !== undefined) button.disabled = disabled;
    if (hidden !== undefined) button.hidden = hidden;
    if (on !== undefined) button.dataset.on = String(on);
    if (symbol !== undefined) setIcon(button, symbol);
    const words = button.querySelector('span');
    if (caption !== undefined && words) words.textContent = caption;
    if (label !== undefined) {
      button.setAttribute('aria-label', label);
      button.title = label;
    }
    if (count === undefined) continue;
    if (count) button.dataset.count = count > 99 ? '99+' : String(count);
    else delete button.dataset.count;
  }
}

/** Puts a popover above or below what opened it, inside the window.
 * @param {HTMLElement} popover @param {Element} opener */
export function placePopover(popover, opener) {
  const { left, width, top, bottom } = opener.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = popover;
  const x = Math.max(8, Math.min(left + width / 2 - offsetWidth / 2, innerWidth - offsetWidth - 8));
  const y = top > offsetHeight + 16 ? top - offsetHeight - 8 : Math.min(bottom + 8, innerHeight - offsetHeight - 8);
  popover.style.setProperty('left', `${x}px`);
  popover.style.setProperty('top', `${Math.max(8, y)}px`);
}
