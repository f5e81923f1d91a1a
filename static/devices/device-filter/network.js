// @ts-check
import { FUSABLE, MAX_OUTPUTS, OPERATORS, activationOf } from './operators.js';
import { readOnnx } from './onnx.js';

/** @import {Graph, Node} from './onnx.js' */
/** @import {Kernels, Memory} from './memory.js' */
/** @import {Planned, Tools} from './operators.js' */

/**
 * A buffer in the kernels' memory, and its shape.
 * @typedef {{at: number, shape: [number, number, number]}} Buffer channels, height, width
 */

/** A network of models/, run by kernels.wasm at any size that its graph can be laid out for. */
export class Network {
  #kernels;
  #memory;
  #graph;
  /** The weights, with which the memory begins.
   * @type {Map<string, Buffer>} */
  #weights = new Map();
  #zeros;
  #base;
  /** @type {(() => void)[]} */
  #steps = [];
  /** @type {Record<string, Buffer>} */
  inputs = {};
  /** @type {Record<string, Buffer>} */
  outputs = {};

  /**
   * Throws where the model holds what it can't run.
   *
   * @param {WebAssembly.Instance} instance of kernels.wasm
   * @param {Memory} memory of that instance
   * @param {Uint8Array<ArrayBuffer>} onnx the .onnx file
   */
  constructor(instance, memory, onnx) {
    this.#kernels = /** @type {Kernels} */ (/** @type {unknown} */ (instance.exports));
    this.#memory = memory;
    this.#graph = fused(readOnnx(onnx));
    for (const [name, { dims, data }] of this.#graph.tensors) {
      if (!data) continue;
      const at = memory.take(data.length);
      memory.floats(at, data.length).set(data);
      this.#weights.set(name, { at, shape: shapeOf(dims) });
    }
    this.#zeros = memory.take(MAX_OUTPUTS);
    memory.floats(this.#zeros, MAX_OUTPUTS).fill(0);
    this.#base = memory.mark();
  }

  /** Lays the network out for pictures of width × height; what its memory held besides the weights is gone.
   * @param {number} width @param {number} height */
  resize(width, height) {
    this.#memory.release(this.#base);
    this.#steps = [];
    const values = new Map(this.#weights);
    for (const { name, channels } of this.#graph.inputs) {
      values.set(name, { at: this.#memory.take(channels * height * width), shape: [channels, height, width] });
    }
    const uses = countUses(this.#graph);
    const tools = { kernels: this.#kernels, memory: this.#memory, tensors: this.#graph.tensors, zeros: this.#zeros };
    for (const node of this.#graph.nodes) this.#plan(node, values, uses, tools);
    const find = (/** @type {{name: string}} */ { name }) => [name, /** @type {Buffer} */ (values.get(name))];
    this.inputs = Object.fromEntries(this.#graph.inputs.map(find));
    this.outputs = Object.fromEntries(this.#graph.outputs.map(find));
  }

  /** Makes the outputs of what lies in the inputs. */
  run() {
    for (const step of this.#steps) step();
  }

  /**
   * @param {Node} node
   * @param {Map<string, Buffer>} values
   * @param {Map<string, number>} uses how often each value is still needed
   * @param {Tools} tools
   */
  #plan(node, values, uses, tools) {
    const operator = OPERATORS[node.op];
    if (!operator) throw new Error(`the operator ${node.op} is not known`);
    const inputs = node.inputs.map((name) => values.get(name) ?? null);
    /** @type {Planned} */
    const { shape, run, scratch } = operator(node, inputs, tools);
    const size = shape[0] * shape[1] * shape[2];
    const at = this.#memory.take(size);
    if (scratch) this.#memory.give(scratch.at, scratch.count);
    values.set(node.outputs[0], { at, shape });
    this.#steps.push(() => run(at));
    for (const name of node.inputs) {
      const left = (uses.get(name) ?? 0) - 1;
      uses.set(name, left);
      const value = values.get(name);
      if (left === 0 && value && !this.#weights.has(name)) this.#memory.give(value.at, value.shape[0] * value.shape[1] * value.shape[2]);
    }
  }
}

/** How often each value is read; those that go in or come out once more, so that they stay.
 * @param {Graph} graph
 * @returns {Map<string, number>} */
function countUses({ nodes, inputs, outputs }) {
  const uses = new Map();
  const names = [...nodes.flatMap((node) => node.inputs), ...inputs.map(({ name }) => name), ...outputs.map(({ name }) => name)];
  for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** Lets each convolution apply the activation that follows it, where nobody else reads what is between.
 * @param {Graph} graph
 * @returns {Graph} */
function fused(graph) {
  const uses = countUses(graph);
  /** @type {Map<string, Node>} */
  const makers = new Map();
  /** @type {Node[]} */
  const nodes = [];
  for (const node of graph.nodes) {
    const maker = makers.get(node.inputs[0]);
    const activation = activationOf(node, graph.tensors);
    if (activation && maker && FUSABLE.has(maker.op) && uses.get(node.inputs[0]) === 1 && !('activation' in maker.attributes)) {
      const both = { ...maker, outputs: node.outputs, attributes: { ...maker.attributes, activation } };
      nodes[nodes.indexOf(maker)] = both;
      makers.set(node.outputs[0], both);
    } else {
      nodes.push(node);
      makers.set(node.outputs[0], node);
    }
  }
  return { ...graph, nodes };
}

/** The shape of weights that take part like pictures, such as (1, channels, 1, 1).
 * @param {number[]} dims
 * @returns {[number, number, number]} */
function shapeOf(dims) {
  const [width = 1, height = 1, channels = 1, ...more] = [...dims].reverse();
  return more.every((n) => n === 1) ? [channels, height, width] : [channels * more.reduce((a, b) => a * b, 1), height, width];
}
