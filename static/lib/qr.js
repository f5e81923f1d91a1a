// @ts-check
/**
 * QR codes (ISO/IEC 18004): byte mode, error correction level M, versions 1 to 20 (up to 666 bytes).
 */

/** By version: error correction codewords a block, then blocks and data codewords of the first and the second group. */
const BLOCKS = [
  [10, 1, 16, 0, 0], [16, 1, 28, 0, 0], [26, 1, 44, 0, 0], [18, 2, 32, 0, 0], [24, 2, 43, 0, 0], [16, 4, 27, 0, 0], [18, 4, 31, 0, 0],
  [22, 2, 38, 2, 39], [22, 3, 36, 2, 37], [26, 4, 43, 1, 44], [30, 1, 50, 4, 51], [22, 6, 36, 2, 37], [22, 8, 37, 1, 38],
  [24, 4, 40, 5, 41], [24, 5, 41, 5, 42], [28, 7, 45, 3, 46], [28, 10, 46, 1, 47], [26, 9, 43, 4, 44], [26, 3, 44, 11, 45], [26, 3, 41, 13, 42],
];
/** By version: the centres of the alignment patterns on either axis. */
const ALIGNMENT = [
  [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50], [6, 30, 54], [6, 32, 58], [6, 34, 62],
  [6, 26, 46, 66], [6, 26, 48, 70], [6, 26, 50, 74], [6, 30, 54, 78], [6, 30, 56, 82], [6, 30, 58, 86], [6, 34, 62, 90],
];
/** @type {((row: number, column: number) => boolean)[]} */
const MASKS = [
  (r, c) => (r + c) % 2 === 0, (r) => r % 2 === 0, (_, c) => c % 3 === 0, (r, c) => (r + c) % 3 === 0,
  (r, c) => (Math.floor(r / 2) + Math.floor(c / 3)) % 2 === 0, (r, c) => (r * c) % 2 + (r * c) % 3 === 0,
  (r, c) => ((r * c) % 2 + (r * c) % 3) % 2 === 0, (r, c) => ((r + c) % 2 + (r * c) % 3) % 2 === 0,
];

/** Powers and logarithms in GF(256) with x⁸ + x⁴ + x³ + x² + 1. */
const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
  x = x << 1 ^ (x & 0x80 ? 0x11d : 0);
}

/**
 * The modules of the QR code of a text, dark ones true, without the quiet zone.
 *
 * @param {string} text
 * @returns {boolean[][]} rows
 * @throws {RangeError} when the text is too long
 */
export function encodeQr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, index) => bytes.length <= capacity(index + 1)) + 1;
  if (version === 0) throw new RangeError('too long for a QR code');
  const bits = withErrorCorrection(dataCodewords(bytes, version), version);
  const drawings = MASKS.map((_, mask) => draw(version, mask, bits));
  return drawings.reduce((best, next) => (penalty(next) < penalty(best) ? next : best));
}

/** @param {number} version */
function dataLength(version) {
  const [, blocks, length, more, longer] = BLOCKS[version - 1];
  return blocks * length + more * longer;
}

/** How many bytes of text fit.
 * @param {number} version */
function capacity(version) {
  return dataLength(version) - (version < 10 ? 2 : 3);
}

/**
 * Mode, length, text, and padding.
 *
 * @param {Uint8Array} bytes
 * @param {number} version
 */
function dataCodewords(bytes, version) {
  const bits = [0, 1, 0, 0];
  /** @param {number} value @param {number} count */
  const push = (value, count) => {
    for (let i = count - 1; i >= 0; i -= 1) bits.push(value >> i & 1);
  };
  push(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) push(byte, 8);
  const length = dataLength(version);
  push(0, Math.min(4, length * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const codewords = Array.from({ length: bits.length / 8 }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8).join(''), 2));
  for (let pad = 0xec; codewords.length < length; pad ^= 0xec ^ 0x11) codewords.push(pad);
  return codewords;
}

/**
 * The bits of all blocks, interleaved.
 *
 * @param {number[]} data
 * @param {number} version
 */
function withErrorCorrection(data, version) {
  const [correction, blocks, length, more, longer] = BLOCKS[version - 1];
  const generator = generatorOf(correction);
  const parts = [];
  for (let i = 0, start = 0; i < blocks + more; i += 1) {
    const part = data.slice(start, start + (i < blocks ? length : longer));
    start += part.length;
    parts.push({ part, check: remainder(part, generator) });
  }
  const codewords = [];
  for (let i = 0; i < Math.max(length, longer); i += 1) for (const { part } of parts) if (i < part.length) codewords.push(part[i]);
  for (let i = 0; i < correction; i += 1) for (const { check } of parts) codewords.push(check[i]);
  return codewords.flatMap((codeword) => Array.from({ length: 8 }, (_, i) => codeword >> (7 - i) & 1));
}

/** The product of (x − αⁱ), without its leading 1.
 * @param {number} degree */
function generatorOf(degree) {
  const result = new Array(degree).fill(0);
  result[degree - 1] = 1;
  for (let i = 0; i < degree; i += 1) {
    for (let j = 0; j < degree; j += 1) result[j] = multiply(result[j], EXP[i]) ^ (result[j + 1] ?? 0);
  }
  return result;
}

/**
 * @param {number[]} data
 * @param {number[]} generator
 */
function remainder(data, generator) {
  const result = new Array(generator.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ result.shift();
    result.push(0);
    generator.forEach((coefficient, i) => { result[i] ^= multiply(coefficient, factor); });
  }
  return result;
}

/**
 * @param {number} a
 * @param {number} b
 */
function multiply(a, b) {
  return a && b ? EXP[LOG[a] + LOG[b]] : 0;
}

/**
 * @param {number} version
 * @param {number} mask
 * @param {number[]} bits
 */
function draw(version, mask, bits) {
  const size = version * 4 + 17;
  /** @type {(boolean | null)[][]} */
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  drawFinders(grid);
  drawAlignment(grid, ALIGNMENT[version - 1]);
  for (let i = 8; i < size - 8; i += 1) grid[6][i] = grid[i][6] = i % 2 === 0;
  drawFormat(grid, mask);
  if (version >= 7) drawVersion(grid, version);
  drawData(grid, mask, bits);
  return grid.map((row) => row.map(Boolean));
}

/** @param {(boolean | null)[][]} grid */
function drawFinders(grid) {
  const size = grid.length;
  for (const [top, left] of [[0, 0], [0, size - 7], [size - 7, 0]]) {
    for (let r = -1; r <= 7; r += 1) {
      for (let c = -1; c <= 7; c += 1) {
        const ring = Math.max(Math.abs(r - 3), Math.abs(c - 3));
        if (grid[top + r]?.[left + c] !== undefined) grid[top + r][left + c] = ring !== 2 && ring !== 4;
      }
    }
  }
}

/**
 * @param {(boolean | null)[][]} grid
 * @param {number[]} centres
 */
function drawAlignment(grid, centres) {
  for (const row of centres) {
    for (const column of centres) {
      if (grid[row][column] !== null) continue;
      for (let r = -2; r <= 2; r += 1) {
        for (let c = -2; c <= 2; c += 1) grid[row + r][column + c] = Math.max(Math.abs(r), Math.abs(c)) !== 1;
      }
    }
  }
}

/** Level M and the mask, twice, with a BCH code (15, 5); and the dark module.
 * @param {(boolean | null)[][]} grid @param {number} mask */
function drawFormat(grid, mask) {
  const size = grid.length;
  const bits = (mask << 10 | bch(mask, 0x537, 10)) ^ 0x5412;
  for (let i = 0; i < 15; i += 1) {
    const dark = (bits >> i & 1) === 1;
    grid[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i][8] = dark;
    grid[8][i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i] = dark;
  }
  grid[size - 8][8] = true;
}

/** The version, twice, with a BCH code (18, 6).
 * @param {(boolean | null)[][]} grid @param {number} version */
function drawVersion(grid, version) {
  const bits = version << 12 | bch(version, 0x1f25, 12);
  for (let i = 0; i < 18; i += 1) {
    const row = Math.floor(i / 3);
    const column = grid.length - 11 + i % 3;
    grid[row][column] = grid[column][row] = (bits >> i & 1) === 1;
  }
}

/**
 * @param {number} value
 * @param {number} generator
 * @param {number} degree
 */
function bch(value, generator, degree) {
  let rest = value << degree;
  for (let bit = 31 - Math.clz32(rest); rest && bit >= degree; bit = 31 - Math.clz32(rest)) rest ^= generator << (bit - degree);
  return rest;
}

/** In columns of two from the right, up and down, around what is there.
 * @param {(boolean | null)[][]} grid @param {number} mask @param {number[]} bits */
function drawData(grid, mask, bits) {
  const size = grid.length;
  let next = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let i = 0; i < size; i += 1) {
      const row = up ? size - 1 - i : i;
      for (const column of [right, right - 1]) {
        if (grid[row][column] !== null) continue;
        grid[row][column] = (bits[next] === 1) !== MASKS[mask](row, column);
        next += 1;
      }
    }
  }
}

/** How hard a drawing is to read: runs, blocks, what looks like a finder, imbalance.
 * @param {boolean[][]} grid */
function penalty(grid) {
  const size = grid.length;
  const lines = [...grid, ...grid.map((_, column) => grid.map((row) => row[column]))].map((line) => line.map(Number).join(''));
  let points = 0;
  for (const line of lines) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) points += run.length - 2;
    points += 40 * (line.match(/(?=00001011101|10111010000)/g) ?? []).length;
  }
  for (let r = 1; r < size; r += 1) {
    for (let c = 1; c < size; c += 1) {
      if (grid[r][c] === grid[r - 1][c] && grid[r][c] === grid[r][c - 1] && grid[r][c] === grid[r - 1][c - 1]) points += 3;
    }
  }
  const dark = grid.flat().filter(Boolean).length / size ** 2;
  return points + 10 * Math.floor(Math.abs(dark - 0.5) * 20);
}
