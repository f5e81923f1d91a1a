// @ts-check
import { loadPreferences, savePreferences } from './preferences.js';
import { text } from '../i18n/strings.js';
import { byId } from '../view/dom.js';
import { notify } from '../view/notices.js';

/** @import {Receive} from '../protocol/types.js' */

/** The choice of what is wanted of the others' cameras: everything, less, or sound alone. */
export class DataSaver {
  /** @type {Receive['video']} */
  choice = loadPreferences().receive;

  /**
   * @param {() => void} choose
   * @param {() => void} silence switches one's own camera off, which sound alone does once
   */
  constructor(choose, silence) {
    const select = byId('receive-pick', HTMLSelectElement);
    select.value = this.choice;
    this.#show();
    select.onchange = () => {
      const picked = select.value;
      if (picked !== 'all' && picked !== 'saver' && picked !== 'none') return;
      this.choice = picked;
      savePreferences({ receive: picked });
      choose();
      if (picked === 'none') silence();
      this.#show();
      notify(text(`receive.${picked}.now`));
    };
  }

  #show() {
    byId('tiles', HTMLElement).dataset.receive = this.choice;
  }
}
