// @ts-check
import { verifyReceipt } from '../app/receipt.js';
import { language, text } from '../i18n/strings.js';
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

/** Shows the server's word about one's camera, checks it, and lets one keep it.
 * @param {Receipt | null} receipt */
export function offerReceipt(receipt) {
  const link = byId('receipt', HTMLAnchorElement);
  if (link.href) URL.revokeObjectURL(link.href);
  byId('receipt-card', HTMLElement).hidden = receipt === null;
  if (!receipt) return link.removeAttribute('href');
  byId('receipt-where', HTMLElement).textContent = text(`left.receipt.${receipt.deviceFilter}`);
  const { received, filtered, raw } = receipt.frames;
  const [n, shown, unfiltered] = [received, filtered, raw].map((count) => count.toLocaleString(language));
  byId('receipt-numbers', HTMLElement).textContent = text('receipt.numbers', { n, shown, unfiltered });
  link.href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: 'application/json' }));
  link.download = `receipt-${receipt.participant}.json`;
  void check(receipt);
}

/** @param {Receipt} receipt */
async function check(receipt) {
  const place = byId('receipt-verdict', HTMLElement);
  place.dataset.verdict = 'checking';
  place.textContent = text('receipt.checking');
  const key = await fetch('/api/v1/receipt-key').then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  const verdict = key ? await verifyReceipt(receipt, key) : 'unknown';
  place.dataset.verdict = verdict;
  place.textContent = text(`receipt.${verdict}`, { key: receipt.key.slice(0, 8) });
}
