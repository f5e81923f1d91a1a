// @ts-check
/**
 * Speech recognition on this device (Web Speech API, `processLocally`). What a browser does by default is send the voice to its
 * maker; that is never asked for here.
 *
 * @typedef {'unavailable' | 'downloadable' | 'downloading' | 'available'} Availability
 *
 * @typedef {object} Recognition a SpeechRecognition
 * @property {string} lang
 * @property {boolean} continuous
 * @property {boolean} interimResults
 * @property {boolean} processLocally
 * @property {((event: {resultIndex: number, results: {isFinal: boolean, 0: {transcript: string}}[]}) => void) | null} onresult
 * @property {((event: {error: string}) => void) | null} onerror
 * @property {(() => void) | null} onend
 * @property {(track: MediaStreamTrack) => void} start
 * @property {() => void} stop
 * @property {() => void} abort
 *
 * @typedef {{langs: string[], processLocally: true}} Wanted
 * @typedef {{new (): Recognition, prototype: Recognition, available: (wanted: Wanted) => Promise<Availability>, install: (wanted: Wanted) => Promise<boolean>}} RecognitionClass
 */

/** Errors after which it is begun again. */
const PASSING = new Set(['no-speech', 'aborted']);
/** Recognition that has ended sooner than this is begun again only after it, in ms. */
const SHORTEST = 1000;

/** The browser's class, if it can do it on the device: one that only ignores `processLocally` would send the voice away.
 * @returns {RecognitionClass | null} */
function localClass() {
  /** @type {RecognitionClass | undefined} */
  const found = Reflect.get(window, 'SpeechRecognition') ?? Reflect.get(window, 'webkitSpeechRecognition');
  return found && 'processLocally' in found.prototype && typeof found.available === 'function' ? found : null;
}

/** Whether a language is recognised on this device.
 * @param {string} lang a tag of BCP 47
 * @returns {Promise<Availability>} */
export async function availability(lang) {
  try {
    return await localClass()?.available({ langs: [lang], processLocally: true }) ?? 'unavailable';
  } catch {
    return 'unavailable';
  }
}

/** Has the browser fetch what it needs for a language; tells whether it is there.
 * @param {string} lang */
export async function install(lang) {
  try {
    return await localClass()?.install({ langs: [lang], processLocally: true }) ?? false;
  } catch {
    return false;
  }
}

/** Writes down what is said into a microphone, as long as it is to listen. */
export class LocalRecognition {
  #said;
  #failed;
  #lang = '';
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {Recognition | null} */
  #recognition = null;
  #timer = 0;

  /**
   * @param {(words: string, final: boolean) => void} said each call replaces what was said before it, unless that was final
   * @param {() => void} failed told when it can't go on
   */
  constructor(said, failed) {
    this.#said = said;
    this.#failed = failed;
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {string} lang
   */
  listen(track, lang) {
    if (track === this.#track && lang === this.#lang) return;
    this.abort();
    this.#track = track;
    this.#lang = lang;
    this.#begin();
  }

  /** Listens no more. What was said before is still told. */
  stop() {
    this.#let((recognition) => recognition.stop());
  }

  /** Listens no more, and tells nothing more. */
  abort() {
    this.#let((recognition) => {
      recognition.onresult = recognition.onerror = null;
      recognition.abort();
    });
  }

  /** @param {(recognition: Recognition) => void} end */
  #let(end) {
    const recognition = this.#recognition;
    this.#recognition = this.#track = null;
    clearTimeout(this.#timer);
    if (recognition) end(recognition);
  }

  #begin() {
    const [Local, track] = [localClass(), this.#track];
    if (!Local || track?.readyState !== 'live') return;
    const recognition = this.#recognition = new Local();
    const begun = performance.now();
    Object.assign(recognition, { processLocally: true, lang: this.#lang, continuous: true, interimResults: true });
    recognition.onresult = ({ resultIndex, results }) => {
      const fresh = [...results].slice(resultIndex);
      for (const result of fresh) if (result.isFinal) this.#said(result[0].transcript, true);
      const interim = fresh.filter(({ isFinal }) => !isFinal).map((result) => result[0].transcript).join('');
      if (interim.trim()) this.#said(interim, false);
    };
    recognition.onerror = ({ error }) => {
      if (PASSING.has(error) || recognition !== this.#recognition) return;
      this.abort();
      this.#failed();
    };
    recognition.onend = () => {
      if (recognition !== this.#recognition) return;
      this.#timer = window.setTimeout(() => this.#begin(), Math.max(0, begun + SHORTEST - performance.now()));
    };
    recognition.start(track);
  }
}
