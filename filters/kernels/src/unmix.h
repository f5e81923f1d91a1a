/* The solved alpha of filters/matting/unmixing.py: coefficients on cells of 4 x 4 pixels, applied at the matte's edges. */

enum { UNMIX_CELL = 4, UNMIX_HALF = UNMIX_CELL / 2, UNMIX_SUMS = 8, UNMIX_COEFFICIENTS = 5 };
/* What a pixel takes of its own cell's coefficients in linear interpolation; the rest is of the next cell's. */
static const float unmix_near[UNMIX_CELL] = {0.625f, 0.875f, 0.875f, 0.625f};

static size_t unmix_scratch(int width, int height)
{
    size_t cells = (size_t)(width / UNMIX_CELL) * (height / UNMIX_CELL), row = (size_t)width / UNMIX_CELL + 2;
    return 4 * (cells * UNMIX_HALF * UNMIX_HALF + 64) + UNMIX_SUMS * ((size_t)width + 4 * cells + 4 * row + 192) + UNMIX_COEFFICIENTS * (4 * cells + 4 * row + 128);
}

/* Sums over one row of cells, of planes at half the size: of the person's mask, and of Y, U and V in it; of the room's the same. */
static void sum_colours_row(Planes seen, Plane matte, const UnmixRules *rules, int cell, uint16_t *const columns[UNMIX_SUMS],
                            float *const sums[UNMIX_SUMS])
{
    int width = matte.width;
    for (int k = 0; k < UNMIX_SUMS; k++)
        memset(columns[k], 0, 2 * (size_t)width);
    for (int i = 0; i < UNMIX_HALF; i++) {
        int row = UNMIX_HALF * cell + i;
        const uint8_t *RESTRICT y = row8(seen.y, row), *RESTRICT u = row8(seen.u, row), *RESTRICT v = row8(seen.v, row);
        const uint8_t *RESTRICT m = row8(matte, row);
        for (int side = 0; side < 2; side++) {
            uint16_t *RESTRICT n = columns[4 * side], *RESTRICT sy = columns[4 * side + 1];
            uint16_t *RESTRICT su = columns[4 * side + 2], *RESTRICT sv = columns[4 * side + 3];
            uint8_t low = (uint8_t)(side ? 0 : rules->person + 1), span = (uint8_t)(side ? rules->room - 1 : 254 - rules->person);
            for (int x = 0; x < width; x++) {
                uint8_t mask = (uint8_t)(m[x] - low) <= span ? 255 : 0;
                n[x] += mask;
                sy[x] += y[x] & mask;
                su[x] += u[x] & mask;
                sv[x] += v[x] & mask;
            }
        }
    }
    for (int k = 0; k < UNMIX_SUMS; k++) {
        const uint16_t *RESTRICT from = columns[k];
        float *RESTRICT to = sums[k] + (ptrdiff_t)cell * (width / UNMIX_HALF);
        for (int x = 0; x < width / UNMIX_HALF; x++)
            to[x] = (float)(from[2 * x] + from[2 * x + 1]) * (1 / 4.0f);
    }
}

/* Means over the 3 x 3 cells around each cell of a row; `padded` has a cell more on either side. */
static void mean_colours_row(const float *sums, int y, int width, int height, float *RESTRICT padded, float *RESTRICT means)
{
    const float *RESTRICT a = sums + (ptrdiff_t)reflected(y - 1, height) * width, *RESTRICT b = sums + (ptrdiff_t)y * width;
    const float *RESTRICT c = sums + (ptrdiff_t)reflected(y + 1, height) * width;
    for (int x = 0; x < width; x++)
        padded[x + 1] = a[x] + b[x] + c[x];
    padded[0] = padded[1 + reflected(-1, width)];
    padded[width + 1] = padded[1 + reflected(width, width)];
    for (int x = 0; x < width; x++)
        means[x] = (padded[x] + padded[x + 1] + padded[x + 2]) * (1 / 9.0f);
}

static void solve_colours_row(float *const means[UNMIX_SUMS], const UnmixRules *rules, float *const out[UNMIX_COEFFICIENTS],
                              int width)
{
    const float *RESTRICT person = means[0], *RESTRICT py = means[1], *RESTRICT pu = means[2], *RESTRICT pv = means[3];
    const float *RESTRICT room = means[4], *RESTRICT ry = means[5], *RESTRICT ru = means[6], *RESTRICT rv = means[7];
    float *RESTRICT gain_y = out[0], *RESTRICT gain_u = out[1], *RESTRICT gain_v = out[2];
    float *RESTRICT offset = out[3], *RESTRICT trust = out[4];
    float weight = rules->chroma_weight, contrast = rules->contrast * rules->contrast, most_trust = rules->trust;
    float known = 255 * rules->least;
    for (int x = 0; x < width; x++) {
        float p = 255 / (person[x] > 1 ? person[x] : 1), r = 255 / (room[x] > 1 ? room[x] : 1);
        float y = ry[x] * r, u = ru[x] * r, v = rv[x] * r;
        float dy = py[x] * p - y, du = pu[x] * p - u, dv = pv[x] * p - v;
        float square = dy * dy + weight * (du * du + dv * dv), scale = 1 / (square + 1);
        gain_y[x] = dy * scale;
        gain_u[x] = weight * du * scale;
        gain_v[x] = weight * dv * scale;
        offset[x] = y * gain_y[x] + u * gain_u[x] + v * gain_v[x];
        float share = person[x] < room[x] ? person[x] : room[x];
        trust[x] = share > known ? most_trust * square / (square + contrast) : 0;
    }
}

/* Correct the four pixels of a row in one cell; rows of coefficients have a cell more on either side. */
static void unmix_pixels(float *const rows[UNMIX_COEFFICIENTS], int cell, const uint8_t *y, const uint8_t *u,
                         const uint8_t *v, const UnmixRules *rules, uint8_t *out)
{
    for (int i = 0; i < UNMIX_CELL; i++) {
        float at[UNMIX_COEFFICIENTS], near = unmix_near[i], far = 1 - near;
        if (out[i] < rules->low || out[i] > rules->high)
            continue;
        for (int k = 0; k < UNMIX_COEFFICIENTS; k++)
            at[k] = near * rows[k][cell + 1] + far * rows[k][cell + (i < 2 ? 0 : 2)];
        float solved = at[0] * y[i] + at[1] * u[i] + at[2] * v[i] - at[3], old = out[i] * (1 / 255.0f);
        solved = solved < 0 ? 0 : solved > 1 ? 1 : solved;
        float change = solved - old;
        out[i] = level(255 * (old + at[4] * (1 - fabsf(change)) * change));
    }
}

static void unmix_row(float *const rows[UNMIX_COEFFICIENTS], Planes seen, int y, const UnmixRules *rules, Plane out)
{
    uint8_t *o = row8(out, y);
    uint8_t low = (uint8_t)rules->low, span = (uint8_t)(rules->high - rules->low);
    for (int cell = 0; cell < out.width / UNMIX_CELL; cell++) {
        int x = UNMIX_CELL * cell, any = 0;
        for (int i = 0; i < UNMIX_CELL; i++)
            any |= (uint8_t)(o[x + i] - low) <= span;
        if (any)
            unmix_pixels(rows, cell, row8(seen.y, y) + x, row8(seen.u, y) + x, row8(seen.v, y) + x, rules, o + x);
    }
}

/* The box with two cells more on every side: what a pixel's interpolated coefficients depend on. */
static Box around_cells(Box box, int width, int height)
{
    int left = box.left / UNMIX_CELL - 2, top = box.top / UNMIX_CELL - 2;
    int right = (box.right - 1) / UNMIX_CELL + 3, bottom = (box.bottom - 1) / UNMIX_CELL + 3;
    return (Box){UNMIX_CELL * most(0, left), UNMIX_CELL * most(0, top), least(width, UNMIX_CELL * right),
                 least(height, UNMIX_CELL * bottom)};
}

/* Width and height are multiples of UNMIX_CELL. */
static int unmix(Planes seen, Plane matte, Plane guided, const UnmixRules *rules, Plane out, void *scratch)
{
    copy_rows(guided, out);
    Box box = box_between(guided, rules->low, rules->high, scratch);
    if (!box.bottom)
        return 1;
    box = around_cells(box, matte.width, matte.height);
    seen = (Planes){part_of(seen.y, box), part_of(seen.u, box), part_of(seen.v, box)};
    matte = part_of(matte, box);
    out = part_of(out, box);
    int width = matte.width / UNMIX_CELL, height = matte.height / UNMIX_CELL;
    size_t cells = (size_t)width * height;
    uint8_t *block = scratch;
    uint16_t *columns[UNMIX_SUMS];
    float *sums[UNMIX_SUMS], *coefficients[UNMIX_COEFFICIENTS], *rows[UNMIX_COEFFICIENTS], *means[UNMIX_SUMS];
    Plane wide[4] = {seen.y, seen.u, seen.v, matte}, half[4];
    for (int k = 0; k < 4; k++) {
        half[k] = cut_plane(&block, UNMIX_HALF * width, UNMIX_HALF * height);
        halve(wide[k], half[k]);
    }
    Planes half_seen = {half[0], half[1], half[2]};
    for (int k = 0; k < UNMIX_SUMS; k++) {
        columns[k] = cut(&block, 2 * (size_t)UNMIX_HALF * width);
        sums[k] = cut(&block, 4 * cells);
        means[k] = cut(&block, 4 * (size_t)width);
    }
    for (int k = 0; k < UNMIX_COEFFICIENTS; k++) {
        coefficients[k] = cut(&block, 4 * cells);
        rows[k] = cut(&block, 4 * ((size_t)width + 2));
    }
    for (int y = 0; y < height; y++)
        sum_colours_row(half_seen, half[3], rules, y, columns, sums);
    for (int y = 0; y < height; y++) {
        float *solved[UNMIX_COEFFICIENTS];
        for (int k = 0; k < UNMIX_SUMS; k++)
            mean_colours_row(sums[k], y, width, height, rows[0], means[k]);
        for (int k = 0; k < UNMIX_COEFFICIENTS; k++)
            solved[k] = coefficients[k] + (ptrdiff_t)y * width;
        solve_colours_row(means, rules, solved, width);
    }
    for (int y = 0; y < matte.height; y++) {
        int near = y / UNMIX_CELL, far = clamped(y % UNMIX_CELL < 2 ? near - 1 : near + 1, height);
        float mine = unmix_near[y % UNMIX_CELL], other = 1 - mine;
        for (int k = 0; k < UNMIX_COEFFICIENTS; k++) {
            const float *RESTRICT a = coefficients[k] + (ptrdiff_t)near * width, *RESTRICT b = coefficients[k] + (ptrdiff_t)far * width;
            float *RESTRICT row = rows[k];
            for (int x = 0; x < width; x++)
                row[x + 1] = mine * a[x] + other * b[x];
            row[0] = row[1];
            row[width + 1] = row[width];
        }
        unmix_row(rows, seen, y, rules, out);
    }
    return 1;
}
