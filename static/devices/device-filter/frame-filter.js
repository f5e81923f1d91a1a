// @ts-check
import { PictureFilter } from './picture-filter.js';

/** @import {Card, Picture, Plane} from './picture-filter.js' */

/** Where red, green and blue lie in a pixel of four bytes. */
const PACKED = { RGBA: [0, 1, 2], RGBX: [0, 1, 2], BGRA: [2, 1, 0], BGRX: [2, 1, 0] };
/** The grey of a picture that shows nothing, as Y; U and V are 128. */
const GREY = 110;

/** What is known of WebCodecs' VideoFrame since it has an orientation (w3c.github.io/webcodecs).
 * @typedef {VideoFrame & {rotation?: number, flip?: boolean}} OrientedFrame */

/** Frames of a camera in, frames without its room out. */
export class FrameFilter {
  #pictures;
  /** For frames that lie on their side or can't be read. @type {OffscreenCanvas | null} */
  #canvas = null;
  /** Whether a canvas gives back what was drawn on it. @type {boolean | null} */
  #honest = null;

  /**
   * @param {WebAssembly.Instance} instance of kernels.wasm
   * @param {Uint8Array<ArrayBuffer>} onnx
   * @param {Card} card
   */
  constructor(instance, onnx, card) {
    this.#pictures = new PictureFilter(instance, onnx, card);
  }

  /**
   * Returns a new frame, upright, whose room is blurred; both are the caller's to close. Rejects where that can't be
   * done; one call at a time.
   *
   * @param {OrientedFrame} frame
   * @returns {Promise<VideoFrame>}
   */
  async filter(frame) {
    if (!frame.rotation && !frame.flip && isReadable(frame)) return this.#filter(frame);
    const upright = await this.#draw(frame);
    try {
      return await this.#filter(upright);
    } finally {
      upright.close();
    }
  }

  /** @param {VideoFrame} frame */
  async #filter(frame) {
    const { format, timestamp, colorSpace, visibleRect } = frame;
    if (!visibleRect || !format || !isReadable(frame)) throw new Error(`frames of the format ${format} can't be read`);
    const { width, height } = visibleRect;
    const size = frame.allocationSize();
    const { memory } = this.#pictures;
    const at = this.#pictures.prepare(width, height, size);
    const layout = await frame.copyTo(memory.bytes(at, size));
    const fullRange = colorSpace.fullRange === true;
    this.#pictures.apply({ ...planesOf(format, at, layout, width, height), fullRange });
    const { displayWidth, displayHeight } = frame; // a camera's frames may be larger than they are meant to be shown
    const init = { format, timestamp, colorSpace, layout, codedWidth: width, codedHeight: height, displayWidth, displayHeight };
    return new VideoFrame(memory.bytes(at, size), init);
  }

  /** A frame as it is meant to be seen, in pixels that can be read.
   * @param {VideoFrame} frame */
  async #draw(frame) {
    const { displayWidth: width, displayHeight: height, timestamp } = frame;
    this.#honest ??= await givesBack();
    if (!this.#honest) throw new Error('this browser falsifies what is drawn');
    this.#canvas ??= new OffscreenCanvas(width, height);
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const context = this.#canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    if (!context) throw new Error('there is no canvas');
    context.drawImage(frame, 0, 0, width, height);
    return new VideoFrame(this.#canvas, { timestamp });
  }
}

/**
 * A frame of nothing.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} timestamp in µs
 */
export function flatFrame(width, height, timestamp) {
  const chroma = ((width + 1) >> 1) * ((height + 1) >> 1);
  const data = new Uint8Array(width * height + 2 * chroma).fill(GREY, 0, width * height).fill(128, width * height);
  return new VideoFrame(data, { format: 'I420', codedWidth: width, codedHeight: height, timestamp });
}

/** @param {VideoFrame} frame */
function isReadable({ format }) {
  return format === 'I420' || format === 'NV12' || (format !== null && format in PACKED);
}

/**
 * @param {string} format
 * @param {number} at
 * @param {PlaneLayout[]} layout
 * @param {number} width
 * @param {number} height
 * @returns {Pick<Picture, 'kind' | 'planes'>}
 */
function planesOf(format, at, layout, width, height) {
  const plane = (/** @type {number} */ i, /** @type {number} */ step, /** @type {number} */ offset, half = false) => /** @type {Plane} */ ({
    at: at + layout[i].offset + offset,
    step,
    stride: layout[i].stride,
    width: half ? (width + 1) >> 1 : width,
    height: half ? (height + 1) >> 1 : height,
  });
  if (format === 'I420') return { kind: 'yuv', planes: [plane(0, 1, 0), plane(1, 1, 0, true), plane(2, 1, 0, true)] };
  if (format === 'NV12') return { kind: 'yuv', planes: [plane(0, 1, 0), plane(1, 2, 0, true), plane(1, 2, 1, true)] };
  const places = /** @type {number[]} */ (Reflect.get(PACKED, format));
  return { kind: 'rgb', planes: places.map((offset) => plane(0, 4, offset)) };
}

/** Whether a canvas's pixels come back as they were drawn: protection against fingerprinting may falsify them. */
async function givesBack() {
  const canvas = new OffscreenCanvas(64, 64);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) return false;
  const shades = ['#ffffff', '#000000', '#808080', '#404040'];
  shades.forEach((shade, i) => {
    context.fillStyle = shade;
    context.fillRect(16 * i, 0, 16, 64);
  });
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  try {
    if (!isReadable(frame)) return false;
    const bytes = new Uint8Array(frame.allocationSize());
    const [{ offset, stride }] = await frame.copyTo(bytes);
    const step = frame.format !== null && frame.format in PACKED ? 4 : 1;
    const seen = Array.from({ length: 64 * 64 }, (_, i) => bytes[offset + (i >> 6) * stride + (i & 63) * step]);
    const wanted = [255, 0, 128, 64];
    return seen.every((value, i) => Math.abs(value - wanted[(i & 63) >> 4]) <= 20); // limited range is 20 off at most
  } finally {
    frame.close();
  }
}
