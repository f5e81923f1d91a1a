// @ts-check
import { loadPreferences, savePreferences } from './preferences.js';
import { availability, install, LocalRecognition } from '../devices/local-recognition.js';
import { language, text } from '../i18n/strings.js';
import { CaptionSettings, Captions } from '../view/captions.js';
import { notify, warn } from '../view/notices.js';

/** @import {RoomClient} from './room-client.js' */
/** @import {LocalMedia} from '../devices/local-media.js' */
/** @import {Captioned} from '../protocol/types.js' */

/** The time between two captions that are not final, in ms: what the eye follows, and a fifth of what the server takes. */
const INTERVAL = 500;
/** What to ask a browser for, besides its own languages: those that Chromium has a local recogniser for. */
const SPOKEN = [
  'en-US', 'de-DE', 'fr-FR', 'es-ES', 'it-IT', 'pt-BR', 'pl-PL', 'tr-TR', 'ru-RU', 'hi-IN', 'id-ID', 'th-TH', 'vi-VN', 'ja-JP', 'ko-KR', 'zh-CN', 'zh-TW',
];

/** What people say, as text: one's own on its way to the others, and theirs on the screen. */
export class CaptionController {
  #local;
  /** @type {RoomClient | null} */
  #client = null;
  #view = new Captions();
  #settings;
  #recognition = new LocalRecognition((words, final) => this.#say(words, final), () => this.#fail());
  /** Whether one captions what one says; off whenever one comes into a room. */
  #on = false;
  /** Whether the browser is fetching the language. */
  #fetching = false;
  /** @type {string[]} */
  #languages = [];
  #lang = '';
  #timer = 0;
  #sent = -Infinity;

  /** @param {LocalMedia} local */
  constructor(local) {
    this.#local = local;
    this.#settings = new CaptionSettings({
      caption: (on) => void this.#caption(on),
      speak: (lang) => this.#speak(lang),
      show: (on) => this.#show(on),
    });
    this.#show(loadPreferences().captionsShown);
  }

  /** Shows what this browser can do. */
  async showSettings() {
    const codes = [...new Set([...navigator.languages, ...SPOKEN])];
    const states = await Promise.all(codes.map(availability));
    this.#languages = codes.filter((_, index) => states[index] !== 'unavailable');
    this.#lang = this.#closest([this.#lang, loadPreferences().captionsLanguage, ...navigator.languages]);
    const names = new Intl.DisplayNames([language], { type: 'language' });
    this.#settings.offer(this.#languages.map((code) => ({ code, name: names.of(code) ?? code })), this.#lang);
    this.#showSwitch();
  }

  /** Takes in who is there, what is allowed, and which microphone is open.
   * @param {RoomClient | null} client */
  follow(client) {
    this.#client = client;
    if (this.#on && !this.#allowed) {
      this.#switch(false);
      notify(text('error.captions-forbidden'));
    }
    this.#view.expect(client?.participants.some(({ captions }) => captions) ?? false);
    this.#showSwitch();
    const track = this.#local.isLive('audio') ? this.#local.devices.state.audio.track : null;
    if (!this.#on) this.#recognition.abort();
    else if (track && client?.phase === 'room') this.#recognition.listen(track, this.#lang);
    else this.#recognition.stop();
  }

  /** @param {Captioned} caption */
  hear({ participant, text: words, final }) {
    const state = this.#client?.state;
    if (state) this.#view.add(participant, participant === state.self ? text('room.you') : state.nameOf(participant), words, final);
  }

  leave() {
    this.#switch(false);
    this.#view.clear();
    this.#client = null;
  }

  get #allowed() {
    return this.#client?.state.policy.captions ?? true;
  }

  /** @param {boolean} on */
  async #caption(on) {
    this.#fetching = on;
    if (!on) return this.#switch(false);
    const lang = this.#lang;
    const state = await availability(lang);
    if (state !== 'available' && state !== 'unavailable') this.#settings.showSelf(true, 'fetching');
    const there = state === 'available' || (state !== 'unavailable' && await install(lang));
    if (!this.#fetching || lang !== this.#lang) return; // it is not wanted any more
    this.#fetching = false;
    if (there) this.#switch(true);
    else this.#fail();
  }

  /** @param {string} lang */
  #speak(lang) {
    const on = this.#on || this.#fetching;
    savePreferences({ captionsLanguage: lang });
    this.#switch(false);
    this.#lang = lang;
    if (on) void this.#caption(true);
  }

  /** @param {boolean} on */
  #show(on) {
    savePreferences({ captionsShown: on });
    this.#settings.showShown(on);
    this.#view.show(on);
  }

  /** @param {boolean} on */
  #switch(on) {
    this.#on = on;
    this.#fetching = false;
    clearTimeout(this.#timer);
    this.#client?.setCaptions(on);
    this.follow(this.#client);
  }

  #fail() {
    this.#switch(false);
    warn(text('captions.failed'));
  }

  #showSwitch() {
    const note = !this.#languages.length ? 'unavailable' : !this.#allowed ? 'forbidden' : this.#fetching ? 'fetching' : 'text';
    this.#settings.showSelf(this.#on || this.#fetching, note);
  }

  /** The language that can be recognised and comes closest to the first of those that are wanted.
   * @param {string[]} wanted */
  #closest(wanted) {
    const exact = wanted.find((code) => this.#languages.includes(code));
    const bases = wanted.map((code) => code.split('-')[0]);
    const [near] = bases.flatMap((base) => this.#languages.filter((code) => base && code.split('-')[0] === base));
    return exact ?? near ?? this.#languages[0] ?? '';
  }

  /**
   * @param {string} words
   * @param {boolean} final
   */
  #say(words, final) {
    const line = words.trim().replace(/\s+/g, ' ');
    const limit = this.#client?.state.limits?.caption ?? 0;
    if (!this.#on || !line || !limit) return;
    clearTimeout(this.#timer);
    if (final) return pieces(line, limit).forEach((piece) => this.#send(piece, true));
    const wait = Math.max(0, this.#sent + INTERVAL - performance.now());
    this.#timer = window.setTimeout(() => this.#send([...line].slice(-limit).join(''), false), wait);
  }

  /**
   * @param {string} words
   * @param {boolean} final
   */
  #send(words, final) {
    this.#sent = performance.now();
    if (this.#client?.phase === 'room') this.#client.send({ type: 'caption', text: words, final });
  }
}

/**
 * Text in pieces, cut between words where there are any.
 *
 * @param {string} line
 * @param {number} limit characters of a piece
 */
function pieces(line, limit) {
  const found = [];
  let rest = [...line];
  while (rest.length > limit) {
    const space = rest.lastIndexOf(' ', limit);
    found.push(rest.slice(0, space > 0 ? space : limit).join(''));
    rest = rest.slice(space > 0 ? space + 1 : limit);
  }
  return rest.length ? [...found, rest.join('')] : found;
}
