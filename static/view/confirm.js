// @ts-check
import { text } from '../i18n/strings.js';
import { openDialog } from './dialog.js';
import { byId } from './dom.js';

/**
 * Asks before something that can't be undone. The safe answer has the focus.
 *
 * @param {{title: string, words: string, action: string}} question `action` is what the button that does it says
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, words, action }) {
  const dialog = byId('confirm-dialog', HTMLDialogElement);
  byId('confirm-title', HTMLElement).textContent = title;
  byId('confirm-text', HTMLElement).textContent = words;
  byId('confirm-yes', HTMLButtonElement).textContent = action;
  byId('confirm-no', HTMLButtonElement).textContent = text('confirm.no');
  dialog.returnValue = '';
  openDialog(dialog);
  byId('confirm-no', HTMLButtonElement).focus();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
