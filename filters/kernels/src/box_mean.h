/* Means of 5 x 5 pixels, the border reflected. `sums` has two columns more on either side; sum / 25 is never a half. */
static void sum_rows_5(const uint8_t *RESTRICT a, const uint8_t *RESTRICT b, const uint8_t *RESTRICT c,
                       const uint8_t *RESTRICT d, const uint8_t *RESTRICT e, uint16_t *RESTRICT sums, int width)
{
    for (int x = 0; x < width; x++)
        sums[x] = a[x] + b[x] + c[x] + d[x] + e[x];
}

static void mean_row_5(const uint16_t *RESTRICT sums, uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t sum = sums[x] + sums[x + 1] + sums[x + 2] + sums[x + 3] + sums[x + 4] + 12;
        out[x] = (uint8_t)(sum * 5243u >> 17); /* sum / 25 for all sums up to 25 * 255 + 12 */
    }
}

static void box_mean_5(Plane plane, Plane out, uint16_t *sums)
{
    int width = plane.width, height = plane.height;
    for (int y = 0; y < height; y++) {
        sum_rows_5(row8(plane, reflected(y - 2, height)), row8(plane, reflected(y - 1, height)), row8(plane, y),
                   row8(plane, reflected(y + 1, height)), row8(plane, reflected(y + 2, height)), sums + 2, width);
        sums[0] = sums[2 + reflected(-2, width)];
        sums[1] = sums[2 + reflected(-1, width)];
        sums[width + 2] = sums[2 + reflected(width, width)];
        sums[width + 3] = sums[2 + reflected(width + 1, width)];
        mean_row_5(sums, row8(out, y), width);
    }
}

/* Sums of 3 rows; `sums` has a column more on either side. */
static void sum_rows_3(const uint8_t *RESTRICT a, const uint8_t *RESTRICT b, const uint8_t *RESTRICT c,
                       uint16_t *RESTRICT sums, int width)
{
    for (int x = 0; x < width; x++)
        sums[x] = a[x] + b[x] + c[x];
}

static void mean_row_3(const uint16_t *RESTRICT sums, uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t sum = sums[x] + sums[x + 1] + sums[x + 2] + 4;
        out[x] = (uint8_t)(sum * 7282u >> 16); /* sum / 9 for all sums up to 9 * 255 + 4 */
    }
}

static void box_mean_3(Plane plane, Plane out, uint16_t *sums)
{
    int width = plane.width, height = plane.height;
    for (int y = 0; y < height; y++) {
        sum_rows_3(row8(plane, reflected(y - 1, height)), row8(plane, y), row8(plane, reflected(y + 1, height)), sums + 1,
                   width);
        sums[0] = sums[1 + reflected(-1, width)];
        sums[width + 1] = sums[1 + reflected(width, width)];
        mean_row_3(sums, row8(out, y), width);
    }
}
