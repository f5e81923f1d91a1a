// @ts-check
import { CanvasOutput } from './canvas-output.js';

/** @import {Answer, Order} from './worker.js' */

/**
 * `loading`: flat pictures until the network is there. `failed`: over, nothing is sent any more.
 * @typedef {'loading' | 'filtering' | 'failed' | 'closed'} State
 */

/** How many ticks of the clock (30 a second) may pass without a beat of the worker: 0.8 s. Ticks and not time, because
 * what keeps this page from running keeps both from being heard. */
const MAX_SILENCE = 24;
/** How long a worker may take to start, in ms. */
const START = 30_000;
/** How long a worker has to let go of a camera that it was handed, in ms. */
const FAREWELL = 500;

const KEY = Symbol('made by the device filter');

/** A camera's picture after the filter on this device. Nobody but DeviceFilter can make one. */
class FilteredTrack {
  #track;

  /** @param {symbol} key @param {MediaStreamTrack} track */
  constructor(key, track) {
    if (key !== KEY) throw new TypeError('only the device filter makes filtered tracks');
    this.#track = track;
  }

  get track() {
    return this.#track;
  }
}

/** @typedef {FilteredTrack} FilteredCamera */

/** @param {unknown} value @returns {value is FilteredCamera} */
export function isFiltered(value) {
  return value instanceof FilteredTrack;
}

/**
 * Filters a camera in a worker. It shows grey until the network has been loaded, for each frame without a matte, and
 * when the worker fails; when that fails for good, is silent or gone, the track ends. It never shows the camera.
 */
export class DeviceFilter {
  /** @type {State} */
  state = 'loading';
  /** What may be sent; null before it is there and after the end.
   * @type {FilteredCamera | null} */
  output = null;
  #camera;
  #changed;
  #worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  #clock = new Worker(new URL('clock.js', import.meta.url));
  #timer = window.setTimeout(() => this.#fail(), START);
  #silence = 0;
  #beats = 0;
  /** @type {CanvasOutput | null} */
  #canvas = null;

  /**
   * @param {MediaStreamTrack} camera stays the caller's, to be stopped after `close`
   * @param {() => void} changed told of a new state or output
   */
  constructor(camera, changed) {
    this.#camera = camera;
    this.#changed = changed;
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = () => this.#fail();
    this.#clock.onerror = () => this.#fail();
    this.#clock.onmessage = () => this.#tick();
  }

  close() {
    this.#end('closed');
  }

  /** @param {Answer} answer */
  #hear(answer) {
    if (this.#isOver) return 'frame' in answer && answer.frame.close();
    switch (answer.type) {
      case 'hello': return this.#begin(answer.capable);
      case 'track': return this.#send(answer.track);
      case 'frame': return this.#canvas?.draw(answer.frame);
      case 'failed': return this.#fail();
      case 'beat': return this.#beat(answer.filtered);
    }
  }

  /** Gives the worker the camera, in the way that this browser has.
   * @param {boolean} capable */
  #begin(capable) {
    clearTimeout(this.#timer);
    if ('MediaStreamTrackProcessor' in window && 'MediaStreamTrackGenerator' in window) return this.#stream();
    try {
      if (capable) return this.#transfer();
    } catch {
      // a track that can't be handed to a worker; there is one more way
    }
    if (!CanvasOutput.isPossible) return this.#fail();
    this.#canvas = new CanvasOutput(this.#camera);
    this.#order({ type: 'frames' });
    this.#send(this.#canvas.track);
  }

  /** Chromium: streams of frames, which work in the worker alone, also while the page is hidden or busy. */
  #stream() {
    const { readable } = new (Reflect.get(window, 'MediaStreamTrackProcessor'))({ track: this.#camera });
    const generator = new (Reflect.get(window, 'MediaStreamTrackGenerator'))({ kind: 'video' });
    this.#order({ type: 'streams', readable, writable: generator.writable }, [readable, generator.writable]);
    this.#send(generator);
  }

  /** Safari: the worker has a copy of the track and makes the new one. */
  #transfer() {
    const track = this.#camera.clone();
    try {
      this.#order({ type: 'track', track }, [/** @type {Transferable} */ (/** @type {unknown} */ (track))]);
    } catch (error) {
      track.stop();
      throw error;
    }
  }

  /** @param {Order} order @param {Transferable[]} [transfer] */
  #order(order, transfer = []) {
    this.#worker.postMessage(order, transfer);
  }

  /** @param {MediaStreamTrack} track */
  #send(track) {
    track.contentHint = 'motion';
    this.output = new FilteredTrack(KEY, track);
    this.#changed();
  }

  /** @param {number} filtered how many frames have been filtered so far */
  #beat(filtered) {
    this.#silence = 0;
    this.#beats += 1;
    if (this.state !== 'loading' || !filtered) return;
    this.state = 'filtering';
    this.#changed();
  }

  #tick() {
    if (this.#beats && ++this.#silence > MAX_SILENCE) return this.#fail();
    const frame = this.#canvas?.next();
    if (frame) this.#order({ type: 'frame', frame }, [/** @type {Transferable} */ (/** @type {unknown} */ (frame))]);
  }

  #fail() {
    this.#end('failed');
  }

  get #isOver() {
    return this.state === 'failed' || this.state === 'closed';
  }

  /** @param {'failed' | 'closed'} state */
  #end(state) {
    if (this.#isOver) return;
    this.state = state;
    clearTimeout(this.#timer);
    this.#canvas?.close();
    this.output?.track.stop();
    this.output = null;
    this.#order({ type: 'stop' });
    setTimeout(() => this.#worker.terminate(), FAREWELL); // nothing of what it makes is taken any more
    this.#clock.terminate();
    this.#changed();
  }
}
