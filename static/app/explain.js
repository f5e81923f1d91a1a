// @ts-check
import { isKey, text } from '../i18n/strings.js';

/** @import {ServerError} from '../protocol/types.js' */

/** What an error of the server means, and what to do about it.
 * @param {ServerError} error */
export function explain({ code, message }) {
  const key = `error.${code}`;
  return isKey(key) ? text(key) : text('error.other', { message });
}
