// @ts-check
import { gather } from './notices.js';

/** Opens a dialog, and shows in it what notices are still to be read: behind it nobody could.
 * @param {HTMLDialogElement} dialog */
export function openDialog(dialog) {
  dialog.showModal();
  gather();
}
