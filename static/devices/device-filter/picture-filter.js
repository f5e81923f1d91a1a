// @ts-check
import { Memory } from './memory.js';
import { Network } from './network.js';

/** @import {Kernels} from './memory.js' */

/**
 * How a network wants its pictures, as in its card (models/README.md).
 * @typedef {object} Card
 * @property {number} multiple height and width are multiples of this
 * @property {number} pixels about height times width
 * @property {number[]} mean per channel
 * @property {number[]} std per channel
 */

/**
 * An 8-bit plane in the kernels' memory: bytes from a value to the next, and from a row to the next.
 * @typedef {{at: number, step: number, stride: number, width: number, height: number}} Plane
 */

/**
 * Planes Y, U, V of BT.601, or R, G, B; more of them, such as that of transparency, take part in no more than the blur.
 * @typedef {{kind: 'yuv' | 'rgb', fullRange: boolean, planes: Plane[]}} Picture
 */

/** A network of free size gets no side shorter than this (filters/matting/segmenter.py). */
const MIN_SIDE = 64;
/** Mean of red, green and blue, of 1, below which the network gets a lighter picture (filters/matting/segmenter.py). */
const DARK = 0.25;
/** What it is multiplied by, at most; as there. */
const LARGEST_GAIN = 8;
/** Of how many values one is taken for the mean; chosen. */
const SAMPLED = 7;
/** Share of the matte from which on a pixel stays sharp. There is no margin: one sweeps over all of the room that somebody
 * moves in front of. Measured with benchmarks.device_filter (docs/device-filter.md). */
const SHARP = 0.35;
/** Cells of the blurred room along the longer side: text and faces of less than two cells are gone. */
const CELLS = 32;

/** Blurs what is outside of the person in pictures that lie in the kernels' memory. */
export class PictureFilter {
  #kernels;
  #network;
  #card;
  memory;
  /** Width and height of the pictures that everything is laid out for. */
  #size = '';
  /** The network's width and height. */
  #shape = { width: 0, height: 0 };
  /** Addresses of room for the kernels, and of a picture. */
  #scratch = 0;
  #picture = 0;

  /**
   * Throws where the network can't be run.
   *
   * @param {WebAssembly.Instance} instance of kernels.wasm
   * @param {Uint8Array<ArrayBuffer>} onnx the network's file
   * @param {Card} card
   */
  constructor(instance, onnx, card) {
    this.#kernels = /** @type {Kernels} */ (/** @type {unknown} */ (instance.exports));
    this.memory = new Memory(instance);
    this.#network = new Network(instance, this.memory, onnx);
    this.#card = card;
  }

  /**
   * Returns the address at which a picture of this size can be put.
   *
   * @param {number} width
   * @param {number} height
   * @param {number} bytes how long it is
   */
  prepare(width, height, bytes) {
    const size = `${width}x${height}, ${bytes}`;
    if (size === this.#size) return this.#picture;
    this.#size = '';
    this.#shape = networkSize(width, height, this.#card);
    this.#network.resize(this.#shape.width, this.#shape.height);
    const { inputs, outputs } = this.#network;
    const [input, output] = [Object.values(inputs), Object.values(outputs)];
    const shape = (/** @type {number} */ channels) => String([channels, this.#shape.height, this.#shape.width]);
    if (input.length !== 1 || output.length !== 1 || String(input[0].shape) !== shape(3) || String(output[0].shape) !== shape(1)) {
      throw new Error('the network makes no matte of one picture');
    }
    this.#scratch = this.memory.take(scratchSize(width, height, this.#shape));
    this.#picture = this.memory.take(Math.ceil(bytes / 4));
    this.#size = size;
    return this.#picture;
  }

  /**
   * Blurs a picture outside of the person, in place, and returns the share of it that stays as it was. Throws where
   * there is no matte; the picture is not to be shown then.
   *
   * @param {Picture} picture at the address that `prepare` gave
   */
  apply(picture) {
    const { width, height } = this.#shape;
    const { memory } = this;
    this.#feed(picture);
    this.#network.run();
    const [{ at }] = Object.values(this.#network.outputs);
    const kept = this.#kernels.certain(at, width * height, SHARP);
    if (kept < 0) throw new Error('the network gave no matte');
    const [{ width: across, height: down }] = picture.planes;
    const cell = Math.max(across, down) / CELLS;
    const [columns, rows] = [Math.ceil(across / cell), Math.ceil(down / cell)];
    for (const plane of picture.planes) {
      const geometry = [plane.at, plane.step, plane.stride, plane.width, plane.height];
      this.#kernels.compose(...geometry, at, width, height, SHARP, this.#scratch, columns, rows);
    }
    memory.floats(at, width * height).fill(NaN); // no picture is composed with the matte of the one before
    return kept / (width * height);
  }

  /** Scales a picture into the network's input.
   * @param {Picture} picture */
  #feed({ kind, fullRange, planes }) {
    const { width, height } = this.#shape;
    const [{ at }] = Object.values(this.#network.inputs);
    const count = width * height;
    planes.slice(0, 3).forEach((plane, i) => {
      const geometry = [plane.at, plane.step, plane.stride, plane.width, plane.height];
      this.#kernels.shrink(...geometry, at + 4 * i * count, width, height, this.#scratch);
    });
    if (kind === 'yuv') this.#kernels.to_rgb(at, count, Number(fullRange));
    const unit = kind === 'yuv' ? 1 : 255;
    const { mean, std } = this.#card;
    const light = lightGain(meanOf(this.memory.floats(at, 3 * count)) / unit);
    for (let i = 0; i < 3; i++) {
      this.#kernels.affine(at + 4 * i * count, count, light / (unit * std[i]), -mean[i] / std[i]);
      if (light > 1) clampTo(this.memory.floats(at + 4 * i * count, count), (1 - mean[i]) / std[i]);
    }
  }
}

/** What the light of a dark picture is multiplied by for the network; as in filters/matting/segmenter.py.
 * @param {number} mean of red, green and blue, of 1 */
function lightGain(mean) {
  return Math.min(Math.max(DARK / Math.max(mean, DARK / LARGEST_GAIN), 1), LARGEST_GAIN);
}

/** Returns the mean, of every so many values.
 * @param {Float32Array} values */
function meanOf(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i += SAMPLED) sum += values[i];
  return sum / Math.ceil(values.length / SAMPLED);
}

/** Takes what is above `most` for `most`, in place.
 * @param {Float32Array} values @param {number} most */
function clampTo(values, most) {
  for (let i = 0; i < values.length; i++) if (values[i] > most) values[i] = most;
}

/**
 * The network's size for a picture: its aspect ratio, at about `pixels` pixels; as in filters/matting/segmenter.py.
 *
 * @param {number} width
 * @param {number} height
 * @param {Card} card
 */
export function networkSize(width, height, { pixels, multiple }) {
  const scale = Math.sqrt(pixels / (width * height));
  const longest = Math.max(Math.floor(pixels / MIN_SIDE), MIN_SIDE);
  const [across, down] = [width, height].map((side) => {
    const wanted = Math.min(Math.max(side * scale, MIN_SIDE), longest);
    return Math.max(Math.round(wanted / multiple), 1) * multiple;
  });
  return { width: across, height: down };
}

/** The floats that `shrink` and `compose` need, each of them; see picture.c.
 * @param {number} width @param {number} height @param {{width: number, height: number}} network */
function scratchSize(width, height, network) {
  const shrink = width * height / 16 + 2 * network.width;
  const compose = 2 * CELLS * CELLS + CELLS + network.width + 2 + 4 * width + width * height / 4;
  return Math.ceil(Math.max(shrink, compose)) + 16;
}
