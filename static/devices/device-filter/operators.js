// @ts-check
/** @import {Node, Tensor} from './onnx.js' */
/** @import {Buffer} from './network.js' */
/** @import {Kernels, Memory} from './memory.js' */

/**
 * @typedef {{kernels: Kernels, memory: Memory, tensors: Map<string, Tensor>, zeros: number}} Tools zeros: MAX_OUTPUTS of them
 * @typedef {[number, number, number]} Shape channels, height, width
 * @typedef {{shape: Shape, run: (to: number) => void, scratch?: {at: number, count: number}}} Planned
 * @typedef {(node: Node, inputs: (Buffer | null)[], tools: Tools) => Planned} Operator
 */

/** As in simd.h. */
const ACTIVATIONS = { Relu: 1, Relu6: 2, HardSwish: 3, HardSigmoid: 4, Sigmoid: 5 };
/** More channels than a convolution without bias may have. */
export const MAX_OUTPUTS = 4096;
/** What can apply an activation by itself. */
export const FUSABLE = new Set(['Conv', 'ConvTranspose']);

/** The operators of ONNX (opset 14 and later) as far as they are known, by name.
 * @type {Record<string, Operator>} */
export const OPERATORS = {
  Conv: convolution,
  ConvTranspose: transposed,
  Relu: activation,
  Clip: activation,
  HardSwish: activation,
  HardSigmoid: activation,
  Sigmoid: activation,
  Add: (node, inputs, { kernels }) => {
    const [a, b] = both(node, inputs);
    expect(node, same(a.shape, b.shape), 'the shapes differ');
    return { shape: a.shape, run: (to) => kernels.add(a.at, b.at, to, sizeOf(a.shape)) };
  },
  Mul: multiplication,
  Concat: concatenation,
  GlobalAveragePool: (node, inputs, { kernels }) => {
    const { at, shape: [channels, height, width] } = first(node, inputs);
    return { shape: [channels, 1, 1], run: (to) => kernels.pool(at, to, channels, height * width) };
  },
  Resize: doubling,
};

/**
 * Returns the number of a node's activation, 0 where it is none. Throws where it is one of another shape.
 *
 * @param {Node} node
 * @param {Map<string, Tensor>} tensors
 */
export function activationOf(node, tensors) {
  const { op, inputs, attributes } = node;
  if (op === 'Clip') {
    const limit = (/** @type {number} */ i, /** @type {string} */ name) => tensors.get(inputs[i])?.data?.[0] ?? attributes[name];
    expect(node, limit(1, 'min') === 0 && limit(2, 'max') === 6, 'only the clip from 0 to 6 is known');
    return ACTIVATIONS.Relu6;
  }
  if (op === 'HardSigmoid') {
    const { alpha = 0.2, beta = 0.5 } = attributes;
    expect(node, Math.abs(Number(alpha) - 1 / 6) < 1e-6 && beta === 0.5, 'only alpha 1/6 and beta 1/2 are known');
  }
  return op in ACTIVATIONS ? Number(Reflect.get(ACTIVATIONS, op)) : 0;
}

/** @type {Operator} */
function activation(node, inputs, { kernels, tensors }) {
  const { at, shape } = first(node, inputs);
  const number = activationOf(node, tensors);
  return { shape, run: (to) => kernels.unary(at, to, sizeOf(shape), number) };
}

/** @type {Operator} */
function convolution(node, inputs, { kernels, memory, tensors, zeros }) {
  const { at, shape: [channels, height, width] } = first(node, inputs);
  const { outputs, perGroup, kernel, weights } = weightsOf(node, inputs, tensors);
  const bias = inputs[2]?.at ?? zeros;
  const { activation: act = 0, group = 1, strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], auto_pad = 'NOTSET' } = node.attributes;
  const [stride, across] = /** @type {number[]} */ (strides);
  const [top, left, bottom, right] = /** @type {number[]} */ (pads);
  expect(node, stride === across && (stride === 1 || stride === 2), 'only the strides 1 and 2 are known');
  expect(node, String(dilations) === '1,1' && auto_pad === 'NOTSET', 'neither dilations nor automatic pads are known');
  const outHeight = Math.floor((height + top + bottom - kernel) / stride) + 1;
  const outWidth = Math.floor((width + left + right - kernel) / stride) + 1;
  /** @type {Shape} */
  const shape = [outputs, outHeight, outWidth];
  if (kernel === 1 && stride === 1 && group === 1 && !top && !left && !bottom && !right) {
    return { shape, run: (to) => kernels.point(at, to, weights, bias, channels, outputs, height * width, Number(act)) };
  }
  const padded = Math.max((outHeight - 1) * stride + kernel, height + top) * Math.max((outWidth - 1) * stride + kernel, width + left) + 8;
  const depthwise = group === channels && outputs === channels && perGroup === 1;
  expect(node, depthwise || group === 1, 'groups are known one by one only');
  const count = (depthwise ? 1 : channels) * padded;
  const scratch = { at: memory.take(count), count };
  const geometry = [height, width, kernel, stride, top, left, outHeight, outWidth, Number(act)];
  const run = depthwise
    ? (/** @type {number} */ to) => void kernels.depthwise(at, to, weights, bias, scratch.at, channels, ...geometry)
    : (/** @type {number} */ to) => void kernels.dense(at, to, weights, bias, scratch.at, channels, outputs, ...geometry);
  return { shape, run, scratch };
}

/** @type {Operator} */
function transposed(node, inputs, { kernels, tensors, zeros }) {
  const { at, shape: [channels, height, width] } = first(node, inputs);
  const { perGroup: outputs, kernel, weights } = weightsOf(node, inputs, tensors);
  const { activation: act = 0, group = 1, strides = [1, 1], pads = [0, 0, 0, 0] } = node.attributes;
  expect(node, kernel === 2 && group === 1 && String(strides) === '2,2' && String(pads) === '0,0,0,0', 'only 2 x 2, stride 2 is known');
  const bias = inputs[2]?.at ?? zeros;
  return {
    shape: [outputs, 2 * height, 2 * width],
    run: (to) => kernels.transpose(at, to, weights, bias, channels, outputs, height, width, Number(act)),
  };
}

/** @type {Operator} */
function multiplication(node, inputs, { kernels }) {
  let [a, b] = both(node, inputs);
  if (same(a.shape, b.shape)) return { shape: a.shape, run: (to) => kernels.multiply(a.at, b.at, to, sizeOf(a.shape)) };
  if (a.shape[1] * a.shape[2] === 1) [a, b] = [b, a];
  const [channels, height, width] = a.shape;
  expect(node, same(b.shape, [channels, 1, 1]), 'only factors of the same shape or one for each channel are known');
  return { shape: a.shape, run: (to) => kernels.scale(a.at, b.at, to, channels, height * width) };
}

/** @type {Operator} */
function concatenation(node, inputs, { memory }) {
  const parts = inputs.map((_, i) => first(node, inputs.slice(i)));
  const [, height, width] = parts[0].shape;
  const fits = parts.every(({ shape }) => shape[1] === height && shape[2] === width);
  expect(node, node.attributes.axis === 1 && fits, 'only channels can be joined');
  /** @type {Shape} */
  const shape = [parts.reduce((sum, each) => sum + each.shape[0], 0), height, width];
  const run = (/** @type {number} */ to) => {
    let at = to;
    for (const part of parts) {
      const size = sizeOf(part.shape);
      memory.floats(at, size).set(memory.floats(part.at, size));
      at += 4 * size;
    }
  };
  return { shape, run };
}

/** @type {Operator} */
function doubling(node, inputs, { kernels, memory, tensors }) {
  const { at, shape: [channels, height, width] } = first(node, inputs);
  const scales = tensors.get(node.inputs[2])?.data ?? [];
  const { mode = 'nearest', coordinate_transformation_mode = 'half_pixel' } = node.attributes;
  const fits = mode === 'linear' && coordinate_transformation_mode === 'half_pixel' && [...scales].join() === '1,1,2,2';
  expect(node, fits, 'only the bilinear doubling with half-pixel centres is known');
  const scratch = { at: memory.take(width + 8), count: width + 8 };
  return {
    shape: [channels, 2 * height, 2 * width],
    run: (to) => kernels.enlarge(at, to, scratch.at, channels, height, width),
    scratch,
  };
}

/** @param {Node} node @param {(Buffer | null)[]} inputs @param {Map<string, Tensor>} tensors */
function weightsOf(node, inputs, tensors) {
  const dims = tensors.get(node.inputs[1])?.dims;
  const weights = inputs[1]?.at;
  if (!dims || weights === undefined) throw new Error(`${node.op}: the weights are missing`);
  const [outputs, perGroup, kernel, across] = dims;
  expect(node, kernel === across, 'only square kernels are known');
  expect(node, Math.max(outputs, perGroup) <= MAX_OUTPUTS, 'there are too many channels');
  return { outputs, perGroup, kernel, weights };
}

/** @param {Node} node @param {(Buffer | null)[]} inputs */
function first(node, inputs) {
  const [value] = inputs;
  if (!value) throw new Error(`${node.op}: an input is missing`);
  return value;
}

/** @param {Node} node @param {(Buffer | null)[]} inputs */
function both(node, inputs) {
  return [first(node, inputs), first(node, inputs.slice(1))];
}

/** @param {Node} node @param {boolean} condition @param {string} problem */
function expect({ op, outputs }, condition, problem) {
  if (!condition) throw new Error(`${op} ${outputs[0]}: ${problem}`);
}

/** @param {Shape} a @param {Shape} b */
function same(a, b) {
  return String(a) === String(b);
}

/** @param {Shape} shape */
function sizeOf([channels, height, width]) {
  return channels * height * width;
}
