// @ts-check
import { savePreferences } from '../app/preferences.js';
import { LANGUAGES, language } from '../i18n/strings.js';
import { byId } from './dom.js';

/** Lets one choose a language; the page is then loaded again in it. */
export function offerLanguages() {
  for (const select of document.querySelectorAll('select.language-pick')) {
    if (!(select instanceof HTMLSelectElement)) continue;
    select.replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => {
      const option = new Option(name, code);
      option.lang = code;
      return option;
    }));
    select.value = language;
    select.onchange = () => {
      const name = byId('name', HTMLInputElement).value.trim(); // typed, and not remembered yet
      savePreferences({ language: select.value, ...(name && { name }) });
      location.reload();
    };
  }
}
