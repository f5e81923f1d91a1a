// @ts-check
/**
 * A reader for what of ONNX (onnx.proto) the networks of models/ use.
 *
 * @typedef {{dims: number[], data: Float32Array | null, numbers: number[]}} Tensor data of float tensors, numbers of integers
 * @typedef {number | string | number[] | Tensor} Attribute
 * @typedef {{op: string, inputs: string[], outputs: string[], attributes: Record<string, Attribute>}} Node
 * @typedef {{name: string, channels: number}} Value a picture that goes in or comes out: (1, channels, height, width)
 * @typedef {{nodes: Node[], tensors: Map<string, Tensor>, inputs: Value[], outputs: Value[]}} Graph
 */

/** Types of TensorProto. */
const FLOAT = 1;
const INT64 = 7;
/** Types of AttributeProto. */
const KINDS = { 1: 'float', 2: 'int', 3: 'string', 4: 'tensor', 6: 'floats', 7: 'ints' };

/**
 * Reads a model. Throws where it is no model or holds what this reader does not know.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes of a .onnx file
 * @returns {Graph}
 */
export function readOnnx(bytes) {
  const graph = new Message(bytes).message(7);
  if (!graph) throw new Error('this is no ONNX model');
  /** @type {Map<string, Tensor>} */
  const tensors = new Map();
  for (const each of graph.messages(5)) tensors.set(each.text(8), tensorOf(each));
  const nodes = graph.messages(1).map(nodeOf);
  for (const { op, outputs, attributes } of nodes) {
    if (op === 'Constant') tensors.set(outputs[0], /** @type {Tensor} */ (attributes.value));
  }
  return {
    tensors,
    nodes: nodes.filter(({ op }) => op !== 'Constant'),
    inputs: graph.messages(11).map(valueOf).filter(({ name }) => !tensors.has(name)),
    outputs: graph.messages(12).map(valueOf),
  };
}

/** @param {Message} message @returns {Node} */
function nodeOf(message) {
  return {
    op: message.text(4),
    inputs: message.texts(1),
    outputs: message.texts(2),
    attributes: Object.fromEntries(message.messages(5).map((each) => [each.text(1), attributeOf(each)])),
  };
}

/** @param {Message} message @returns {Attribute} */
function attributeOf(message) {
  const kind = Reflect.get(KINDS, message.int(20));
  switch (kind) {
    case 'float': return message.floats(2)[0] ?? 0;
    case 'int': return message.int(3);
    case 'string': return message.text(4);
    case 'floats': return message.floats(7);
    case 'ints': return message.ints(8);
    case 'tensor': {
      const tensor = message.message(5);
      if (tensor) return tensorOf(tensor);
    }
  }
  throw new Error(`the attribute ${message.text(1)} can't be read`);
}

/** @param {Message} message @returns {Tensor} */
function tensorOf(message) {
  const dims = message.ints(1);
  const raw = message.bytes(9);
  switch (message.int(2)) {
    case FLOAT: return { dims, data: raw ? new Float32Array(raw.slice().buffer) : new Float32Array(message.floats(4)), numbers: [] };
    case INT64: return { dims, data: null, numbers: raw ? [...new BigInt64Array(raw.slice().buffer)].map(Number) : message.ints(7) };
    default: throw new Error(`the type of the tensor ${message.text(8)} can't be read`);
  }
}

/** @param {Message} message @returns {Value} */
function valueOf(message) {
  const dims = message.message(2)?.message(1)?.message(2)?.messages(1) ?? [];
  return { name: message.text(1), channels: dims[1]?.int(1) ?? 0 };
}

/** A message of Protocol Buffers (protobuf.dev/programming-guides/encoding). Missing numbers are 0, missing texts ''. */
class Message {
  /** @type {Map<number, (bigint | number | Uint8Array<ArrayBuffer>)[]>} */
  #fields = new Map();

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  constructor(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length;) {
      const tag = varint(bytes, at);
      const [field, type] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
      at = tag.next;
      if (type === 0) {
        const { value, next } = varint(bytes, at);
        this.#add(field, BigInt.asIntN(64, value));
        at = next;
      } else if (type === 2) {
        const { value, next } = varint(bytes, at);
        at = next + Number(value);
        if (at > bytes.length) throw new Error('a message is cut off');
        this.#add(field, bytes.subarray(next, at));
      } else if (type === 5) {
        this.#add(field, view.getFloat32(at, true));
        at += 4;
      } else if (type === 1) {
        this.#add(field, view.getFloat64(at, true));
        at += 8;
      } else throw new Error('this is no Protocol Buffers message');
    }
  }

  /** @param {number} field @param {bigint | number | Uint8Array<ArrayBuffer>} value */
  #add(field, value) {
    const values = this.#fields.get(field);
    if (values) values.push(value);
    else this.#fields.set(field, [value]);
  }

  /** @param {number} field */
  #all(field) {
    return this.#fields.get(field) ?? [];
  }

  /** @param {number} field @returns {Uint8Array<ArrayBuffer> | null} */
  bytes(field) {
    const value = this.#all(field).at(-1);
    return value instanceof Uint8Array ? value : null;
  }

  /** @param {number} field */
  texts(field) {
    return this.#all(field).map((each) => new TextDecoder().decode(/** @type {Uint8Array} */ (each)));
  }

  /** @param {number} field */
  text(field) {
    return this.texts(field).at(-1) ?? '';
  }

  /** @param {number} field */
  messages(field) {
    return this.#all(field).map((each) => new Message(/** @type {Uint8Array<ArrayBuffer>} */ (each)));
  }

  /** @param {number} field */
  message(field) {
    return this.messages(field).at(-1) ?? null;
  }

  /** @param {number} field packed or not */
  ints(field) {
    return this.#all(field).flatMap((each) => (each instanceof Uint8Array ? varints(each) : [Number(each)]));
  }

  /** @param {number} field */
  int(field) {
    return this.ints(field).at(-1) ?? 0;
  }

  /** @param {number} field packed or not */
  floats(field) {
    return this.#all(field).flatMap((each) => (each instanceof Uint8Array ? [...new Float32Array(each.slice().buffer)] : [Number(each)]));
  }
}

/** @param {Uint8Array} bytes */
function varints(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const { value, next } = varint(bytes, at);
    found.push(Number(BigInt.asIntN(64, value)));
    at = next;
  }
  return found;
}

/** @param {Uint8Array} bytes @param {number} at */
function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return { value, next: at };
  }
  throw new Error('a number is cut off');
}
