// @ts-check
import { FrameFilter, flatFrame } from './frame-filter.js';

/** @import {Card} from './picture-filter.js' */

/**
 * What the page says.
 * @typedef {{type: 'streams', readable: ReadableStream<VideoFrame>, writable: WritableStream<VideoFrame>}} Streams Chromium
 * @typedef {{type: 'track', track: MediaStreamTrack}} Track Safari
 * @typedef {{type: 'frames'}} Frames the page sends and draws frames: Firefox
 * @typedef {Streams | Track | Frames | {type: 'frame', frame: VideoFrame} | {type: 'stop'}} Order
 *
 * What the worker says; `capable` means that it can take a track and make one. A beat comes ten times a second as
 * long as this worker works, and tells how many frames have been filtered, and how many made flat.
 * @typedef {{type: 'hello', capable: boolean} | {type: 'track', track: MediaStreamTrack} | {type: 'frame', frame: VideoFrame}
 *   | {type: 'beat', filtered: number, flat: number} | {type: 'failed', reason: string}} Answer
 */

/** How long every frame may be flat before the filter counts as failed, in ms. */
const PATIENCE = 1000;
/** Time between two beats, in ms. */
const BEAT = 100;

const port = /** @type {{postMessage: (answer: Answer, transfer?: Transferable[]) => void}} */ (/** @type {unknown} */ (self));
/** The filter, as soon as it has been loaded: until then every frame is flat.
 * @type {FrameFilter | null} */
let filter = null;
let [filtered, flat] = [0, 0];
/** Since when no frame could be filtered, in ms, or null.
 * @type {number | null} */
let failing = null;
let busy = false;
/** @type {MediaStreamTrack | null} */
let camera = null;

/** @param {string} reason */
function fail(reason) {
  filter = null; // flat from now on
  port.postMessage({ type: 'failed', reason });
}

/** Returns what may be shown of a frame, which is closed.
 * @param {VideoFrame} frame */
async function shown(frame) {
  const { displayWidth: width, displayHeight: height, timestamp } = frame;
  try {
    if (filter) {
      const out = await filter.filter(frame);
      filtered += 1;
      failing = null;
      return out;
    }
  } catch (error) {
    failing ??= performance.now();
    if (performance.now() - failing >= PATIENCE) fail(String(error));
  } finally {
    frame.close();
  }
  flat += 1;
  return flatFrame(width, height, timestamp);
}

/** Filters one stream into another. The newest frame is always the next one: a slow device makes fewer, not other frames.
 * @param {ReadableStream<VideoFrame>} readable
 * @param {WritableStream<VideoFrame>} writable */
async function pump(readable, writable) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    await writer.ready;
    await writer.write(await shown(value));
  }
}

/** Filters a track into a new one (w3c.github.io/mediacapture-transform).
 * @param {MediaStreamTrack} track */
async function transform(track) {
  camera = track;
  const processor = new (Reflect.get(self, 'MediaStreamTrackProcessor'))({ track });
  const generator = new (Reflect.get(self, 'VideoTrackGenerator'))();
  port.postMessage({ type: 'track', track: generator.track }, [generator.track]);
  await pump(processor.readable, generator.writable);
}

/** Answers one frame by one; the page sends no other before.
 * @param {VideoFrame} frame */
async function answer(frame) {
  if (busy) return frame.close();
  busy = true;
  try {
    const out = await shown(frame);
    port.postMessage({ type: 'frame', frame: out }, [/** @type {Transferable} */ (/** @type {unknown} */ (out))]);
  } finally {
    busy = false;
  }
}

/** Loads the kernels and the network; what is not what it should be is not used. */
async function load() {
  const described = await (await get('/api/device-network')).json();
  const [kernels, onnx] = await Promise.all([
    get(new URL('kernels.wasm', import.meta.url)).then((response) => response.arrayBuffer()),
    get(described.url).then((response) => response.arrayBuffer()),
  ]);
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', onnx));
  if ([...sum].map((byte) => byte.toString(16).padStart(2, '0')).join('') !== described.sha256) throw new Error('this is another network');
  const { instance } = await WebAssembly.instantiate(kernels);
  filter = new FrameFilter(instance, new Uint8Array(onnx), /** @type {Card} */ (described));
}

/** @param {string | URL} address */
async function get(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response;
}

self.onmessage = (/** @type {MessageEvent<Order>} */ { data }) => {
  const failed = (/** @type {unknown} */ error) => fail(String(error));
  switch (data.type) {
    case 'streams': return void pump(data.readable, data.writable).catch(failed);
    case 'track': return void transform(data.track).catch(failed);
    case 'frame': return void answer(data.frame).catch(failed);
    case 'stop': return camera?.stop();
  }
};
port.postMessage({ type: 'hello', capable: 'MediaStreamTrackProcessor' in self && 'VideoTrackGenerator' in self });
setInterval(() => port.postMessage({ type: 'beat', filtered, flat }), BEAT);
load().catch((error) => fail(String(error)));
