/* A room in cells, and its blur by a normalised convolution: filters/backgrounds/blur.py. */

static size_t cells_scratch(int width, int height) { return 4 * ((size_t)width * height + 64) + 2 * ((size_t)width + 64); }

static void add_row(const uint8_t *RESTRICT row, uint16_t *RESTRICT sums, int width)
{
    for (int x = 0; x < width; x++)
        sums[x] += row[x];
}

/* Means of squares of `cell` pixels, halves to even but for 2 x 2, whose go up, as OpenCV has them. */
static void mean_cells(Plane plane, int cell, Plane out, uint16_t *sums)
{
    float share = 1.0f / (cell * cell);
    for (int y = 0; y < out.height; y++) {
        memset(sums, 0, 2 * (size_t)out.width * cell);
        for (int i = 0; i < cell; i++)
            add_row(row8(plane, y * cell + i), sums, out.width * cell);
        for (int x = 0; x < out.width; x++) {
            int sum = 0;
            for (int i = 0; i < cell; i++)
                sum += sums[x * cell + i];
            row8(out, y)[x] = cell == 2 ? (sum + 2) >> 2 : level(sum * share);
        }
    }
}

/* Halve the plane so many times, take the mean of `side` (1, 3 or 5) x `side` pixels twice, and then that of each cell. */
static int cells(Plane plane, int halvings, int cell, int side, Plane out, void *scratch)
{
    uint8_t *block = scratch;
    for (int i = 0; i < halvings; i++) {
        Plane half = cut_plane(&block, plane.width / 2, plane.height / 2);
        halve(plane, half);
        plane = half;
    }
    Plane once = cut_plane(&block, plane.width, plane.height), twice = cut_plane(&block, plane.width, plane.height);
    uint16_t *sums = (uint16_t *)block;
    if (side > 1) {
        (side == 3 ? box_mean_3 : box_mean_5)(plane, once, sums);
        (side == 3 ? box_mean_3 : box_mean_5)(once, twice, sums);
        plane = twice;
    }
    mean_cells(plane, cell, out, sums);
    return 1;
}

static size_t fill_scratch(int width, int height)
{
    return 2 * (16 * (size_t)(width + MAX_TAPS) * (height + MAX_TAPS) + 64);
}

static void add_weighted(const float *RESTRICT from, float weight, float *RESTRICT to, int count)
{
    for (int i = 0; i < count; i++)
        to[i] += weight * from[i];
}

/* Blur colour times weight, and weight, both 0 beyond the border; their ratio, drawn to the mean where little is seen. */
static int fill(Planes colour, Alpha weight, const Filling *filling, Planes out, void *scratch)
{
    int width = weight.width, height = weight.height, reach = filling->count / 2, wide = 4 * (width + 2 * reach);
    float *weighted = scratch, *blurred = weighted + (size_t)wide * (height + 2 * reach), *down = blurred;
    double total[4] = {0};
    memset(scratch, 0, fill_scratch(width, height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float *p = weighted + (size_t)wide * (y + reach) + 4 * (x + reach), w = row32(weight, y)[x];
            p[0] = w * row8(colour.y, y)[x], p[1] = w * row8(colour.u, y)[x], p[2] = w * row8(colour.v, y)[x], p[3] = w;
            for (int k = 0; k < 4; k++)
                total[k] += p[k];
        }
    float mean[3];
    for (int k = 0; k < 3; k++)
        mean[k] = (float)((total[k] + filling->grey_weight * filling->grey[k]) / (total[3] + filling->grey_weight));
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < filling->count; i++)
            add_weighted(weighted + (size_t)wide * (y + i), filling->taps[i], down + (size_t)wide * y, wide);
        float *across = down + (size_t)wide * height; /* one row, emptied again below */
        for (int i = 0; i < filling->count; i++)
            add_weighted(down + (size_t)wide * y + 4 * i, filling->taps[i], across, 4 * width);
        for (int x = 0; x < width; x++) {
            const float *p = across + 4 * x, divisor = p[3] + filling->prior;
            row8(out.y, y)[x] = level((p[0] + filling->prior * mean[0]) / divisor);
            row8(out.u, y)[x] = level((p[1] + filling->prior * mean[1]) / divisor);
            row8(out.v, y)[x] = level((p[2] + filling->prior * mean[2]) / divisor);
        }
        memset(across, 0, 4 * sizeof(float) * width);
    }
    return 1;
}
