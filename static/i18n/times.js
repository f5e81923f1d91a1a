// @ts-check
import { language, text } from './strings.js';

/** How long something is, in words.
 * @param {number} seconds */
export function duration(seconds) {
  const hours = seconds / 3600;
  if (hours < 1) return text('invite.lifetime.minutes', { n: Math.floor(seconds / 60) });
  if (hours <= 1) return text('invite.lifetime.hour');
  return hours < 24 ? text('invite.lifetime.hours', { n: Math.floor(hours) }) : hours < 48 ? text('invite.lifetime.day') : text('invite.lifetime.days', { n: Math.floor(hours / 24) });
}

/** A day and a time of day, as one says it.
 * @param {number} time in ms since 1970 */
export function moment(time) {
  return new Intl.DateTimeFormat(language, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(time);
}
