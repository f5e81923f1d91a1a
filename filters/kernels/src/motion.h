/* The motion between two small pictures and what it explains: filters/matting/motion.py and stillness.py. */

enum { LANES = 8, SUMS = 14 };

/* How the picture changes where it moves right and down by a pixel: Sobel's masks, the border reflected. */
static void slopes_row(Plane reference, int y, float *RESTRICT right, float *RESTRICT down)
{
    int width = reference.width, height = reference.height;
    const uint8_t *RESTRICT a = row8(reference, reflected(y - 1, height)), *RESTRICT b = row8(reference, y);
    const uint8_t *RESTRICT c = row8(reference, reflected(y + 1, height));
    for (int x = 1; x < width - 1; x++) {
        right[x] = (a[x - 1] + 2 * b[x - 1] + c[x - 1] - a[x + 1] - 2 * b[x + 1] - c[x + 1]) * 0.125f;
        down[x] = (a[x - 1] + 2 * a[x] + a[x + 1] - c[x - 1] - 2 * c[x] - c[x + 1]) * 0.125f;
    }
    for (int x = 0; x < width; x += width > 1 ? width - 1 : 1) {
        int next = reflected(x + 1, width);
        right[x] = 0;
        down[x] = (2 * a[next] + 2 * a[x] - 2 * c[next] - 2 * c[x]) * 0.125f;
    }
}

/* Add one row's share of the normal equations: J^T W J by rows, then J^T W change; J is of growing, turning, moving. */
static void add_equations(const float *RESTRICT gx, const float *RESTRICT gy, const float *RESTRICT change,
                          const float *RESTRICT weight, float y, int width, float (*RESTRICT sums)[LANES])
{
    for (int x = 0; x < width; x += LANES) /* the arrays are padded with zeros */
        for (int k = 0; k < LANES; k++) {
            float at = (float)(x + k), a = gx[x + k], b = gy[x + k], w = weight[x + k], d = change[x + k];
            float grow = a * at + b * y, turn = b * at - a * y;
            float w0 = w * grow, w1 = w * turn, w2 = w * a, w3 = w * b;
            sums[0][k] += w0 * grow, sums[1][k] += w0 * turn, sums[2][k] += w0 * a, sums[3][k] += w0 * b;
            sums[4][k] += w1 * turn, sums[5][k] += w1 * a, sums[6][k] += w1 * b;
            sums[7][k] += w2 * a, sums[8][k] += w2 * b, sums[9][k] += w3 * b;
            sums[10][k] += w0 * d, sums[11][k] += w1 * d, sums[12][k] += w2 * d, sums[13][k] += w3 * d;
        }
}

/* Solve the equations of 4 unknowns by Cholesky's decomposition; return 0 where they can't be. */
static int solve_four(double m[4][4], double v[4])
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j <= i; j++) {
            double sum = m[i][j];
            for (int k = 0; k < j; k++)
                sum -= m[i][k] * m[j][k];
            if (i == j && !(sum > 0))
                return 0;
            m[i][j] = i == j ? sqrt(sum) : sum / m[j][j];
        }
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < i; k++)
            v[i] -= m[i][k] * v[k];
        v[i] /= m[i][i];
    }
    for (int i = 3; i >= 0; i--) {
        for (int k = i + 1; k < 4; k++)
            v[i] -= m[k][i] * v[k];
        v[i] /= m[i][i];
    }
    return 1;
}

static size_t track_scratch(int width) { return 4 * 4 * ((size_t)width + 2 * LANES + 64); }

/* The motion (2 x 3) of what `weights` show from the reference to the picture; `stiffness` is that of growing and
 * turning, then of moving. */
static int track(Plane reference, Plane picture, Plane weights, const float stiffness[2], Alpha out, void *scratch)
{
    int width = reference.width, padded = (width + LANES - 1) / LANES * LANES;
    uint8_t *block = scratch;
    float *row[4];
    double total[SUMS] = {0};
    for (int k = 0; k < 4; k++) {
        row[k] = cut(&block, 4 * (size_t)padded);
        memset(row[k], 0, 4 * (size_t)padded);
    }
    for (int y = 0; y < reference.height; y++) {
        float sums[SUMS][LANES] = {{0}};
        const uint8_t *before = row8(reference, y), *after = row8(picture, y), *weight = row8(weights, y);
        slopes_row(reference, y, row[0], row[1]);
        for (int x = 0; x < width; x++) {
            row[2][x] = after[x] - before[x];
            row[3][x] = weight[x];
        }
        add_equations(row[0], row[1], row[2], row[3], y, padded, sums);
        for (int i = 0; i < SUMS; i++)
            for (int k = 0; k < LANES; k++)
                total[i] += sums[i][k];
    }
    double m[4][4], v[4];
    for (int i = 0, n = 0; i < 4; i++)
        for (int j = i; j < 4; j++, n++)
            m[j][i] = total[n] / 255 + (i == j ? stiffness[i / 2] : 0);
    for (int i = 0; i < 4; i++)
        v[i] = total[10 + i] / 255;
    if (!solve_four(m, v))
        return 0;
    float *first = row32(out, 0), *second = row32(out, 1);
    first[0] = second[1] = 1 + v[0];
    first[1] = -v[1];
    second[0] = v[1];
    first[2] = v[2];
    second[2] = v[3];
    return 1;
}

/* Where a pixel was, relative to where it is: right and down, as they grow with x and y. */
typedef struct { double right[3], down[3]; } Shift;

static int shift_of(Alpha motion, Shift *out)
{
    const float *m = row32(motion, 0), *n = row32(motion, 1);
    double a = m[0], b = m[1], c = n[0], d = n[1], determinant = a * d - b * c;
    double most_shift = 1e6; /* pixels; keeps all below within an int */
    if (!(fabs(determinant) > 1e-6))
        return 0;
    *out = (Shift){{d / determinant - 1, -b / determinant, (b * n[2] - d * m[2]) / determinant},
                   {-c / determinant, a / determinant - 1, (c * m[2] - a * n[2]) / determinant}};
    for (int k = 0; k < 3; k++)
        if (!(fabs(out->right[k]) < most_shift / MAX_SIDE) || !(fabs(out->down[k]) < most_shift / MAX_SIDE))
            return 0;
    return 1;
}

/* How many steps a value that grows by `slope` keeps its whole part, which is `whole` now. */
static inline int steps(double value, double whole, double slope, int limit)
{
    double count = slope > 0 ? (whole + 1 - value) / slope : slope < 0 ? (value - whole) / -slope + 1 : limit;
    return count < 1 ? 1 : count > limit ? limit : (int)count;
}

static void mix_row(const uint8_t *RESTRICT upper, const uint8_t *RESTRICT lower, float right, float right_step, float down,
                    float down_step, uint8_t *RESTRICT out, int count)
{
    for (int i = 0; i < count; i++) {
        float u = right + i * right_step, v = down + i * down_step;
        float above = upper[i] + u * (upper[i + 1] - upper[i]), below = lower[i] + u * (lower[i + 1] - lower[i]);
        out[i] = level(above + v * (below - above));
    }
}

/* One row of the plane moved. It is cut into runs in which all come from the same number of whole pixels away. */
static void warp_row(Plane plane, const Shift *shift, int y, uint8_t *out)
{
    double right = shift->right[1] * y + shift->right[2], down = shift->down[1] * y + shift->down[2];
    for (int x = 0, count; x < plane.width; x += count) {
        double u = right + shift->right[0] * x, v = down + shift->down[0] * x, du = floor(u), dv = floor(v);
        const uint8_t *upper = row8(plane, clamped(y + (int)dv, plane.height));
        const uint8_t *lower = row8(plane, clamped(y + (int)dv + 1, plane.height));
        int from = x + (int)du;
        count = least(steps(u, du, shift->right[0], plane.width - x), steps(v, dv, shift->down[0], plane.width - x));
        if (from >= 0 && from < plane.width - 1) {
            count = least(count, plane.width - 1 - from);
            mix_row(upper + from, lower + from, u - du, shift->right[0], v - dv, shift->down[0], out + x, count);
        } else {
            int edge = clamped(from, plane.width);
            out[x] = level(upper[edge] + (float)(v - dv) * (lower[edge] - upper[edge]));
            count = 1;
        }
    }
}

/* The plane moved by a motion (2 x 3); what comes in from outside repeats the border. */
static int warp(Plane plane, Alpha motion, Plane out)
{
    Shift shift;
    if (!shift_of(motion, &shift))
        return 0;
    for (int y = 0; y < out.height; y++)
        warp_row(plane, &shift, y, row8(out, y));
    return 1;
}

/* The greatest of 3 x 3 pixels. `wide` is a row with a column more on either side. */
static void dilate_3(Plane plane, Plane out, uint8_t *RESTRICT wide)
{
    int width = plane.width;
    for (int y = 0; y < plane.height; y++) {
        const uint8_t *RESTRICT a = row8(plane, most(y - 1, 0)), *RESTRICT b = row8(plane, y);
        const uint8_t *RESTRICT c = row8(plane, least(y + 1, plane.height - 1));
        uint8_t *RESTRICT o = row8(out, y);
        for (int x = 0; x < width; x++) {
            uint8_t higher = a[x] > b[x] ? a[x] : b[x];
            wide[x + 1] = higher > c[x] ? higher : c[x];
        }
        wide[0] = wide[width + 1] = 0;
        for (int x = 0; x < width; x++) {
            uint8_t higher = wide[x] > wide[x + 1] ? wide[x] : wide[x + 1];
            o[x] = higher > wide[x + 2] ? higher : wide[x + 2];
        }
    }
}

/* The difference from what the two motions of person and room, mixed by the matte, have led to expect. */
static void surprise_row(const uint8_t *RESTRICT luma, const uint8_t *RESTRICT matte, const uint8_t *RESTRICT person,
                         const uint8_t *RESTRICT room, uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        float share = matte[x] / 255.0f;
        uint8_t expected = (uint8_t)(int)(share * person[x] + (1 - share) * room[x]);
        out[x] = luma[x] > expected ? luma[x] - expected : expected - luma[x];
    }
}

static size_t surprise_scratch(int width, int height) { return 6 * ((size_t)width * height + 64) + (size_t)width + 66; }

/* Counts what the motions of person and camera don't explain: out = pixels of the matte's edge whose luma differs by more
 * than `levels[0]`, all pixels of the edge, and pixels well outside the person that differ by more than `levels[1]`. */
static int surprise(Plane luma, Plane reference, Plane matte, Alpha person_motion, Alpha camera_motion,
                    const float levels[2], int sure_room, int sure_person, Alpha out, void *scratch)
{
    int width = luma.width, height = luma.height, count[3] = {0};
    uint8_t *block = scratch, *wide = cut(&block, (size_t)width + 2);
    Plane part[6];
    for (int k = 0; k < 6; k++)
        part[k] = cut_plane(&block, width, height);
    if (!warp(matte, person_motion, part[0]) || !warp(reference, person_motion, part[1])
        || !warp(reference, camera_motion, part[2]))
        return 0;
    uint8_t *mask = part[3].data, span = sure_person - sure_room;
    for (int i = 0; i < width * height; i++)
        mask[i] = -((uint8_t)(part[0].data[i] - sure_room) <= span);
    dilate_3(part[3], part[4], wide);
    dilate_3(part[0], part[5], wide);
    for (int y = 0; y < height; y++)
        surprise_row(row8(luma, y), row8(part[0], y), row8(part[1], y), row8(part[2], y), row8(part[3], y), width);
    for (int i = 0; i < width * height; i++) {
        int edge = part[4].data[i] != 0, far = part[5].data[i] < sure_room;
        count[0] += edge & (mask[i] > levels[0]);
        count[1] += edge;
        count[2] += far & (mask[i] > levels[1]);
    }
    for (int k = 0; k < 3; k++)
        row32(out, 0)[k] = count[k];
    return 1;
}
