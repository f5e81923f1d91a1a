// @ts-check
/** How long a meeting is taken to last, in ms. */
const LENGTH = 3_600_000;

/**
 * An entry for calendars (RFC 5545): the next full hour, which whoever opens it moves to where it belongs.
 *
 * @param {{title: string, link: string, now: number}} meeting `now` in ms since 1970
 */
export function calendarFile({ title, link, now }) {
  const start = (Math.floor(now / LENGTH) + 1) * LENGTH;
  const lines = [
    'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Greenroom//Greenroom//EN', 'BEGIN:VEVENT', `UID:${crypto.randomUUID()}`,
    `DTSTAMP:${stamp(now)}`, `DTSTART:${stamp(start)}`, `DTEND:${stamp(start + LENGTH)}`,
    `SUMMARY:${escape(title)}`, `LOCATION:${escape(link)}`, `URL:${link}`, 'END:VEVENT', 'END:VCALENDAR', '',
  ];
  return lines.map(fold).join('\r\n');
}

/** @param {number} time in ms since 1970 */
function stamp(time) {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

/** @param {string} words */
function escape(words) {
  return words.replace(/[\\;,]/g, '\\$&').replace(/\n/g, '\\n');
}

/** Lines are at most 75 octets long (section 3.1); links and names here are ASCII, or short.
 * @param {string} line */
function fold(line) {
  return line.replace(/(.{60})(?=.)/g, '$1\r\n ');
}
