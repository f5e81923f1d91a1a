// @ts-check
/** @typedef {{x: number, y: number, width: number, height: number}} Box in px */
/** @typedef {{width: number, height: number}} Area in px */

/** Tiles of cameras are 16:9 where that fits, and get narrower where the area is upright. */
const WIDEST = 16 / 9;

/**
 * The size of equal tiles that fill an area best.
 *
 * @param {number} count
 * @param {Area} area
 * @param {number} gap between tiles, in px
 */
function fitTiles(count, area, gap) {
  const narrowest = area.width > area.height ? 1.4 : count > 2 ? 1 : 1.2;
  let best = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (area.width - gap * (columns - 1)) / columns, height: (area.height - gap * (rows - 1)) / rows };
    const aspect = Math.min(WIDEST, Math.max(narrowest, cell.width / cell.height));
    const width = Math.floor(Math.min(cell.width, cell.height * aspect));
    const height = Math.floor(width / aspect);
    if (width * height > best.width * best.height) best = { columns, rows, width, height };
  }
  return best;
}

/**
 * Equal tiles, as large as fit, the last row centred.
 *
 * @param {number} count
 * @param {Area} area
 * @param {number} gap
 * @returns {Box[]}
 */
export function placeTiles(count, area, gap) {
  const { columns, rows, width, height } = fitTiles(count, area, gap);
  const top = (area.height - rows * height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (area.width - inRow * width - (inRow - 1) * gap) / 2;
    return { x: Math.round(left + (index % columns) * (width + gap)), y: Math.round(top + row * (height + gap)), width, height };
  });
}

/**
 * One large tile, the others beside it or below it.
 *
 * @param {number} count of all tiles, the large one included
 * @param {number} main index of the large one
 * @param {Area} area
 * @param {number} gap
 * @returns {Box[]}
 */
export function placeAround(count, main, area, gap) {
  if (count === 1) return [{ x: 0, y: 0, width: area.width, height: area.height }];
  const beside = area.width > area.height * 1.15;
  const many = count > 7;
  const strip = beside
    ? { width: clamp(area.width * (many ? 0.3 : 0.2), 110, many ? 380 : 280), height: area.height }
    : { width: area.width, height: clamp(area.height * (many ? 0.42 : 0.24), 88, 420) };
  const large = beside
    ? { x: 0, y: 0, width: Math.floor(area.width - strip.width - gap), height: area.height }
    : { x: 0, y: 0, width: area.width, height: Math.floor(area.height - strip.height - gap) };
  const small = placeTiles(count - 1, strip, gap).map((box) => ({
    ...box, x: box.x + (beside ? large.width + gap : 0), y: box.y + (beside ? 0 : large.height + gap),
  }));
  small.splice(main, 0, large);
  return small;
}

/**
 * Two people: oneself small, in the corner of the other.
 *
 * @param {Area} area
 * @param {number} gap
 * @returns {Box[]} of oneself, of the other
 */
export function placePair(area, gap) {
  const width = clamp(area.width * 0.2, 120, 300);
  const height = Math.floor(width / WIDEST);
  const whole = { width: Math.floor(Math.min(area.width, area.height * WIDEST)), height: area.height };
  const x = Math.round((area.width - whole.width) / 2);
  return [{ x: x + whole.width - width - gap, y: area.height - height - gap, width, height }, { x, y: 0, ...whole }];
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.floor(Math.min(high, Math.max(low, value)));
}
