// @ts-check
import { isKey, language, text } from '../i18n/strings.js';
import { pastedFiles } from '../lib/clipboard.js';
import { confirmed } from './confirm.js';
import { byId, element, icon } from './dom.js';
import { announce, warn } from './notices.js';

/** @import {Upload} from '../app/file-transfer.js' */
/** @import {ChatFile} from '../protocol/types.js' */

/** How many files are taken at once; the server takes no more either. */
const AT_ONCE = 10;
/** How many bytes a kilobyte has, as the server's limits count. */
const KILO = 1024;

/**
 * @typedef {object} FileEvents
 * @property {(file: File, to: string, progress: (share: number) => void) => Upload} send
 * @property {(file: ChatFile, name: string) => Promise<string>} save resolved with nothing, or the code of an error
 * @property {(file: ChatFile) => Promise<boolean>} delete resolved with whether it is gone
 */

/** Files in the chat: picked, dropped or pasted, sent one after the other, each with its progress. */
export class ChatFiles {
  #panel = byId('panel-chat', HTMLElement);
  #attach = byId('chat-attach', HTMLButtonElement);
  #input = byId('chat-file', HTMLInputElement);
  #rows = byId('chat-uploads', HTMLElement);
  #to = byId('chat-to', HTMLSelectElement);
  #events;
  #limit = 0;
  /** Ends when all that were taken so far have been sent. @type {Promise<void>} */
  #sending = Promise.resolve();

  /** @param {FileEvents} events */
  constructor(events) {
    this.#events = events;
    this.#attach.onclick = () => this.#input.click();
    this.#input.onchange = () => {
      this.#take([...this.#input.files ?? []]);
      this.#input.value = '';
    };
    this.#panel.addEventListener('paste', (event) => this.#take(pastedFiles(event)));
    this.#panel.addEventListener('dragover', () => this.#panel.toggleAttribute('data-drop', this.#limit > 0));
    this.#panel.addEventListener('dragleave', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.#panel.contains(relatedTarget))) this.#panel.removeAttribute('data-drop');
    });
    this.#panel.addEventListener('drop', (event) => {
      this.#panel.removeAttribute('data-drop');
      this.#take([...event.dataTransfer?.files ?? []]);
    });
  }

  /**
   * @param {number} limit bytes of a file; 0 where there are none
   * @param {boolean} host whether one may delete those of others
   */
  allow(limit, host) {
    this.#limit = limit;
    this.#panel.toggleAttribute('data-host', host);
    this.#attach.hidden = limit === 0;
  }

  /** What a message shows in place of words.
   * @param {ChatFile} file @param {string} name */
  show(file, name) {
    return element('div', { class: 'chat-file-row', 'data-file': file.id }, this.#link(file, name), this.#delete(file, name));
  }

  /** Shows that a file is not to be had any more.
   * @param {string} id */
  showDeleted(id) {
    const row = this.#panel.querySelector(`[data-file="${CSS.escape(id)}"]`);
    if (!row) return;
    if (row.contains(document.activeElement)) byId('chat-text', HTMLElement).focus();
    row.replaceWith(element('p', { class: 'chat-text hint' }, text('file.deleted')));
  }

  /** A button for those who may; which those are, the style sheet knows.
   * @param {ChatFile} file @param {string} name */
  #delete(file, name) {
    const button = element('button', { type: 'button', class: 'quiet chat-file-delete', 'aria-label': text('file.delete', { name }) }, icon('bin'));
    button.onclick = async () => {
      const sure = await confirmed({ title: text('file.delete.ask', { name }), words: text('file.delete.words'), action: text('file.delete.yes') });
      if (sure && !await this.#events.delete(file)) warn(text('file.undeleted'));
    };
    return button;
  }

  /** @param {ChatFile} file @param {string} name */
  #link(file, name) {
    const size = bytes(file.size);
    const button = element('button', { type: 'button', class: 'chat-text chat-file', 'aria-label': text('file.save', { name, size }) },
      icon('attach'), element('bdi', {}, name), ' ', element('small', {}, size));
    button.onclick = async () => {
      button.setAttribute('aria-busy', 'true');
      const code = await this.#events.save(file, name);
      button.removeAttribute('aria-busy');
      if (code) warn(this.#why(code));
    };
    return button;
  }

  clear() {
    for (const cancel of this.#rows.querySelectorAll('button')) cancel.click();
  }

  /** @param {File[]} files */
  #take(files) {
    if (!files.length) return;
    if (!this.#limit) return warn(text('file.files-forbidden'));
    if (files.length > AT_ONCE) warn(text('file.many', { n: AT_ONCE }));
    const to = this.#to.value;
    for (const file of files.slice(0, AT_ONCE)) this.#add(file, to);
  }

  /** @param {File} file @param {string} to */
  #add(file, to) {
    const { name } = file;
    const bar = element('progress', { max: '1', value: '0', 'aria-label': text('file.sending', { name }) });
    const cancel = element('button', { type: 'button', class: 'quiet', 'aria-label': text('file.cancel', { name }) }, icon('close'));
    const row = element('div', { class: 'chat-upload' }, element('bdi', {}, name), cancel, bar);
    const end = () => {
      if (row.contains(document.activeElement)) (this.#attach.hidden ? byId('chat-text', HTMLElement) : this.#attach).focus();
      row.remove();
    };
    cancel.onclick = end;
    this.#rows.append(row);
    if (file.size > this.#limit) return this.#fail(row, name, 'too-large');
    this.#sending = this.#sending.then(async () => {
      if (!row.isConnected) return; // cancelled before its turn
      const upload = this.#events.send(file, to, (share) => { bar.value = share; });
      cancel.onclick = () => {
        upload.cancel();
        end();
      };
      const code = await upload.done;
      if (code && code !== 'cancelled') return this.#fail(row, name, code);
      if (!code) announce(name);
      end();
    });
  }

  /** @param {HTMLElement} row @param {string} name @param {string} code */
  #fail(row, name, code) {
    row.querySelector('progress')?.replaceWith(element('p', { role: 'alert' }, this.#why(code)));
    const close = row.querySelector('button');
    if (!close) return;
    close.setAttribute('aria-label', text('file.close', { name }));
    close.onclick = () => {
      row.remove();
      byId('chat-text', HTMLElement).focus();
    };
  }

  /** @param {string} code */
  #why(code) {
    const key = `file.${code}`;
    return isKey(key) ? text(key, { size: bytes(this.#limit) }) : text('file.failed');
  }
}

/** @param {number} size */
function bytes(size) {
  const [amount, unit] = size < KILO ** 2 ? [size / KILO, 'kilobyte'] : [size / KILO ** 2, 'megabyte'];
  return new Intl.NumberFormat(language, { style: 'unit', unit, maximumFractionDigits: amount < 10 ? 1 : 0 }).format(amount);
}
