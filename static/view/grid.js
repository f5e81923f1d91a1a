// @ts-check
/**
 * The size of equal tiles that fill an area best. Tiles are 16:9 where that fits and get narrower, down to a square, where the
 * area is upright.
 *
 * @param {number} count
 * @param {{width: number, height: number}} area in px
 * @param {number} gap between tiles, in px
 */
export function fitTiles(count, area, gap) {
  const widest = 16 / 9;
  const narrowest = area.width > area.height ? 1.5 : count > 2 ? 1 : 1.3;
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (area.width - gap * (columns - 1)) / columns, height: (area.height - gap * (rows - 1)) / rows };
    const aspect = Math.min(widest, Math.max(narrowest, cell.width / cell.height));
    const width = Math.min(cell.width, cell.height * aspect);
    const height = width / aspect;
    if (width * height > best.width * best.height) best = { columns, width: Math.floor(width), height: Math.floor(height) };
  }
  return best;
}
