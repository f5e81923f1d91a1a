// Runs the device filter outside of a browser, from standard input to standard output:
//
//     node tools/device-filter/run.mjs network MODEL.onnx WIDTH HEIGHT        float32 inputs → float32 outputs, as the graph has them
//     node tools/device-filter/run.mjs pictures MODEL.onnx CARD WIDTH HEIGHT  I420A frames → I420A frames; CARD is JSON
//
// A last line on standard error tells the milliseconds of each run.
import fs from 'node:fs';
import { Memory } from '../../static/devices/device-filter/memory.js';
import { Network } from '../../static/devices/device-filter/network.js';
import { PictureFilter } from '../../static/devices/device-filter/picture-filter.js';

const KERNELS = process.env.KERNELS ?? new URL('../../static/devices/device-filter/kernels.wasm', import.meta.url);
const [command, model, ...rest] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(fs.readFileSync(KERNELS));
const onnx = new Uint8Array(fs.readFileSync(model));
const times = [];

/** @param {() => void} run */
function timed(run) {
  const start = performance.now();
  run();
  times.push(performance.now() - start);
}

/** Yields standard input in pieces of `size` bytes. */
function* pieces(size) {
  const piece = Buffer.alloc(size);
  for (let filled = 0; ; filled = 0) {
    while (filled < size) {
      const n = read(piece, filled, size - filled);
      if (n === 0) return;
      filled += n;
    }
    yield piece;
  }
}

/** Reads what is there; a pipe may have nothing yet. */
function read(buffer, offset, length) {
  for (;;) {
    try {
      return fs.readSync(0, buffer, offset, length, null);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Writes all of it; a pipe may be full. */
function write(bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function network(width, height) {
  const memory = new Memory(instance);
  const net = new Network(instance, memory, onnx);
  net.resize(width, height);
  const sizeOf = ({ shape: [channels, rows, columns] }) => channels * rows * columns;
  const inputs = Object.values(net.inputs);
  for (const all of pieces(4 * inputs.reduce((sum, each) => sum + sizeOf(each), 0))) {
    let at = 0;
    for (const each of inputs) {
      memory.bytes(each.at, 4 * sizeOf(each)).set(all.subarray(at, at += 4 * sizeOf(each)));
    }
    timed(() => net.run());
    for (const each of Object.values(net.outputs)) write(memory.bytes(each.at, 4 * sizeOf(each)));
  }
}

function pictures(card, width, height) {
  const filter = new PictureFilter(instance, onnx, JSON.parse(card));
  const [across, down] = [(width + 1) >> 1, (height + 1) >> 1];
  const size = 2 * (width * height + across * down);
  for (const picture of pieces(size)) {
    timed(() => {
      const at = filter.prepare(width, height, size);
      filter.memory.bytes(at, size).set(picture);
      const chroma = (/** @type {number} */ from) => ({ at: from, step: 1, stride: across, width: across, height: down });
      const full = (/** @type {number} */ from) => ({ at: from, step: 1, stride: width, width, height });
      const u = at + width * height;
      const planes = [full(at), chroma(u), chroma(u + across * down), full(u + 2 * across * down)];
      filter.apply({ kind: 'yuv', fullRange: false, planes });
      picture.set(filter.memory.bytes(at, size));
    });
    write(picture);
  }
}

if (command === 'network') network(Number(rest[0]), Number(rest[1]));
else if (command === 'pictures') pictures(rest[0], Number(rest[1]), Number(rest[2]));
else throw new Error(`${command} is not one of network, pictures`);
process.stderr.write(`${JSON.stringify(times.map((each) => Math.round(100 * each) / 100))}\n`);
