/* source * alpha + background * (1 - alpha), rounded product by product, then clipped. */
static void blend_row(const uint8_t *RESTRICT source, const uint8_t *RESTRICT alpha, const uint8_t *RESTRICT background,
                      uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t sum = times(source[x], alpha[x]) + times(background[x], 255 - alpha[x]);
        out[x] = sum > 255 ? 255 : sum;
    }
}

/* The least of each 2 x 2 pixels of rows a and b, which are `limit` wide; a column that is missing repeats the last. */
static void least_of_four(const uint8_t *RESTRICT a, const uint8_t *RESTRICT b, int limit, uint8_t *RESTRICT out, int width)
{
    int missing = width > limit / 2;
    for (int x = 0; x < width - missing; x++) {
        uint8_t left = a[2 * x] < b[2 * x] ? a[2 * x] : b[2 * x];
        uint8_t right = a[2 * x + 1] < b[2 * x + 1] ? a[2 * x + 1] : b[2 * x + 1];
        out[x] = left < right ? left : right;
    }
    if (missing)
        out[width - 1] = a[limit - 1] < b[limit - 1] ? a[limit - 1] : b[limit - 1];
}

/* One row of a plane: the background outside [left, right), the blend inside. `alpha` begins at `left`. */
static void composite_row(Plane source, const uint8_t *alpha, Plane background, Plane out, int y, int left, int right)
{
    const uint8_t *behind = row8(background, y);
    uint8_t *o = row8(out, y);
    memcpy(o, behind, left);
    blend_row(row8(source, y) + left, alpha, behind + left, o + left, right - left);
    memcpy(o + right, behind + right, out.width - right);
}

/* Chroma is half as wide and high, halves up. Only the box of alpha > 0 is blended. */
static int composite(Planes source, Plane alpha, Planes background, Planes out)
{
    uint8_t shares[MAX_SIDE];
    Box box = box_between(alpha, 1, 255, shares);
    int left = box.left & ~1, right = least((box.right + 1) & ~1, alpha.width);
    int first = box.left / 2, last = (box.right + 1) / 2;
    for (int y = 0; y < alpha.height; y++) {
        int inside = y >= (box.top & ~1) && y < ((box.bottom + 1) & ~1), shown = inside ? right : left;
        composite_row(source.y, row8(alpha, y) + left, background.y, out.y, y, left, shown);
        if (y & 1)
            continue;
        int wide = inside ? last : first, below = least(y + 1, alpha.height - 1);
        if (inside)
            least_of_four(row8(alpha, y) + left, row8(alpha, below) + left, alpha.width - left, shares, wide - first);
        composite_row(source.u, shares, background.u, out.u, y / 2, first, wide);
        composite_row(source.v, shares, background.v, out.v, y / 2, first, wide);
    }
    return 1;
}
