// @ts-check
/** Floats that kernels may write after the end of a buffer, and read. */
const SLACK = 16;
/** Bytes: what the memory of WebAssembly grows by. */
const PAGE = 65536;

/**
 * The exports of kernels.wasm: functions of numbers, most of which are addresses in its memory, in bytes.
 * @typedef {Record<string, (...args: number[]) => number> & {memory: WebAssembly.Memory}} Kernels
 */

/** Buffers in the kernels' memory. Addresses stay good when it grows, views don't. */
export class Memory {
  #memory;
  #top;
  /** Buffers that were given back, by size in bytes.
   * @type {Map<number, number[]>} */
  #free = new Map();

  /** @param {WebAssembly.Instance} instance */
  constructor({ exports }) {
    this.#memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    this.#top = /** @type {WebAssembly.Global} */ (exports.__heap_base).value;
  }

  /** Returns the address of `count` floats, which hold anything.
   * @param {number} count */
  take(count) {
    const size = sizeOf(count);
    const given = this.#free.get(size)?.pop();
    if (given !== undefined) return given;
    const at = (this.#top + 15) & ~15;
    this.#top = at + size;
    const lack = this.#top - this.#memory.buffer.byteLength;
    if (lack > 0) this.#memory.grow(Math.ceil(lack / PAGE));
    return at;
  }

  /** Takes a buffer of `count` floats back.
   * @param {number} at @param {number} count */
  give(at, count) {
    const size = sizeOf(count);
    this.#free.set(size, [...(this.#free.get(size) ?? []), at]);
  }

  /** What is taken from now on ends with `release`. */
  mark() {
    this.#free = new Map();
    return this.#top;
  }

  /** @param {number} mark */
  release(mark) {
    this.#free = new Map();
    this.#top = mark;
  }

  /** @param {number} at @param {number} count */
  floats(at, count) {
    return new Float32Array(this.#memory.buffer, at, count);
  }

  /** @param {number} at @param {number} count */
  bytes(at, count) {
    return new Uint8Array(this.#memory.buffer, at, count);
  }
}

/** @param {number} count */
function sizeOf(count) {
  return (count + SLACK) * 4 + 15 & ~15;
}
