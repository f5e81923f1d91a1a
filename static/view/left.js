// @ts-check
import { text } from '../i18n/strings.js';
import { byId } from './dom.js';

/** @import {Receipt, ServerError} from '../protocol/types.js' */

/**
 * The view after a meeting.
 *
 * @param {string} room
 * @param {ServerError | null} error why the server ended it, if it did
 * @param {string | null} reason the same in words
 * @param {() => void} rejoin
 */
export function showLeft(room, error, reason, rejoin) {
  const title = byId('left-title', HTMLElement);
  const ended = error?.code === 'replaced' || error?.code === 'removed' || error?.code === 'ended' ? error.code : null;
  title.textContent = text(ended ? `left.${ended}` : error ? 'left.out' : 'left.title');
  byId('left-text', HTMLElement).textContent = ended ? text(`left.${ended}.text`, { room }) : reason ?? text('left.text', { room });
  const back = byId('rejoin', HTMLButtonElement);
  back.onclick = rejoin;
  back.hidden = ended === 'removed' || ended === 'ended'; // it would lead nowhere, or to another meeting
  title.focus();
}

/** Lets people keep the server's word about their camera.
 * @param {Receipt | null} receipt */
export function offerReceipt(receipt) {
  const link = byId('receipt', HTMLAnchorElement);
  if (link.href) URL.revokeObjectURL(link.href);
  const where = byId('receipt-where', HTMLElement);
  link.hidden = where.hidden = receipt === null;
  if (receipt) where.textContent = text(`left.receipt.${receipt.deviceFilter}`);
  if (!receipt) return link.removeAttribute('href');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: 'application/json' }));
  link.download = `receipt-${receipt.participant}.json`;
}
