// @ts-check
import { ratesOf } from '../rtc/stats.js';
import { language, text } from '../i18n/strings.js';
import { element } from './dom.js';

/** @import {StreamRate, StreamReport} from '../rtc/stats.js' */
/** @import {FilterReport} from '../protocol/types.js' */

/** @type {StreamReport[]} */
let before = [];

/**
 * Numbers for the curious: every stream that comes and goes.
 *
 * @param {HTMLElement} place
 * @param {StreamReport[]} reports
 * @param {{nameOf: (id: string) => string, self: string, filter: FilterReport | null}} about
 */
export function showStats(place, reports, { nameOf, self, filter }) {
  const rates = ratesOf(reports, before);
  before = reports;
  const sections = rates.map((rate) => section(titleOf(rate, nameOf, self), rowsOf(rate)));
  if (filter) sections.unshift(section(text('stats.server'), serverRows(filter)));
  place.replaceChildren(...sections);
}

/**
 * @param {StreamRate} rate
 * @param {(id: string) => string} nameOf
 * @param {string} self
 */
function titleOf({ connection, participant, kind }, nameOf, self) {
  const what = text(kind === 'video' ? 'lobby.camera' : kind === 'audio' ? 'lobby.microphone' : `stats.${kind}`);
  if (connection !== 'subscribe') return text('stats.sent', { what });
  return participant === self ? text('stats.own', { what }) : text('stats.received', { what, name: nameOf(participant) });
}

/**
 * @param {StreamRate} rate
 * @returns {[string, string][]}
 */
function rowsOf({ width, height, fps, bitrate, loss, rtt, jitter, codec }) {
  /** @type {[string, string | null][]} */
  const rows = [
    [text('stats.resolution'), width && height ? `${width} × ${height}` : null],
    [text('filter.fps'), fps === undefined ? null : number(fps)],
    [text('stats.bitrate'), bitrate === null ? null : text('unit.kbps', { n: number(bitrate / 1000) })],
    [text('stats.loss'), loss === null ? null : percent(loss)],
    [text('stats.rtt'), milliseconds(rtt)],
    [text('stats.jitter'), milliseconds(jitter)],
    [text('stats.codec'), codec ?? null],
  ];
  return /** @type {[string, string][]} */ (rows.filter(([, value]) => value !== null));
}

/**
 * @param {FilterReport} filter
 * @returns {[string, string][]}
 */
function serverRows({ fps, delay, rtt, lost }) {
  const rows = [
    [text('filter.fps'), number(fps)],
    [text('filter.delay'), milliseconds(delay ?? undefined)],
    [text('stats.rtt'), milliseconds(rtt ?? undefined)],
    [text('stats.loss'), percent(lost)],
  ];
  return /** @type {[string, string][]} */ (rows.filter(([, value]) => value !== null));
}

/**
 * @param {string} title
 * @param {[string, string][]} rows
 */
function section(title, rows) {
  const list = element('dl', {}, ...rows.map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', {}, value))));
  return element('section', { class: 'stats' }, element('h3', { dir: 'auto' }, title), list);
}

/** @param {number} value */
function number(value) {
  return value.toLocaleString(language, { maximumFractionDigits: 0 });
}

/** @param {number} share */
function percent(share) {
  return share.toLocaleString(language, { style: 'percent', maximumFractionDigits: 1 });
}

/** @param {number | undefined} value */
function milliseconds(value) {
  return value === undefined ? null : text('unit.ms', { n: number(value) });
}
