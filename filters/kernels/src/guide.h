/* The guided filter of filters/matting/edges.py at radius 2: linear models of 3 x 3 pixels at half the size. */

static size_t guide_scratch(int width, int height)
{
    size_t half = (size_t)(width / 2) * (height / 2);
    return 2 * (half + 64) + 2 * (4 * half + 64) + 6 * 4 * ((size_t)width + 96);
}

/* Sums of three rows: guide, matte, their product, and the guide squared. Each has a column more on either side. */
static void sum_models_row(const uint8_t *const guide[3], const uint8_t *const matte[3], float *const sums[4], int width)
{
    const uint8_t *RESTRICT g0 = guide[0], *RESTRICT g1 = guide[1], *RESTRICT g2 = guide[2];
    const uint8_t *RESTRICT m0 = matte[0], *RESTRICT m1 = matte[1], *RESTRICT m2 = matte[2];
    float *RESTRICT g = sums[0], *RESTRICT m = sums[1], *RESTRICT gm = sums[2], *RESTRICT gg = sums[3];
    for (int x = 0; x < width; x++) {
        int a = g0[x], b = g1[x], c = g2[x], d = m0[x], e = m1[x], f = m2[x];
        g[x + 1] = a + b + c;
        m[x + 1] = d + e + f;
        gm[x + 1] = a * d + b * e + c * f;
        gg[x + 1] = a * a + b * b + c * c;
    }
    for (int k = 0; k < 4; k++) {
        sums[k][0] = sums[k][1 + reflected(-1, width)];
        sums[k][width + 1] = sums[k][1 + reflected(width, width)];
    }
}

static inline float mean_3(const float *sums, int x) { return (sums[x] + sums[x + 1] + sums[x + 2]) * (1 / 9.0f); }

static void solve_models_row(float *const sums[4], float epsilon, float *RESTRICT slope, float *RESTRICT offset, int width)
{
    const float *RESTRICT g = sums[0], *RESTRICT m = sums[1], *RESTRICT gm = sums[2], *RESTRICT gg = sums[3];
    for (int x = 0; x < width; x++) {
        float guide = mean_3(g, x), matte = mean_3(m, x);
        float covariance = mean_3(gm, x) - guide * matte, variance = mean_3(gg, x) - guide * guide;
        slope[x] = covariance / (variance + epsilon);
        offset[x] = matte - slope[x] * guide;
    }
}

static void apply_models_row(const float *RESTRICT slope, const float *RESTRICT offset, const uint8_t *RESTRICT luma,
                             uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        float left = (0.75f * slope[x + 1] + 0.25f * slope[x]) * luma[2 * x];
        float right = (0.75f * slope[x + 1] + 0.25f * slope[x + 2]) * luma[2 * x + 1];
        out[2 * x] = level(left + (0.75f * offset[x + 1] + 0.25f * offset[x]));
        out[2 * x + 1] = level(right + (0.75f * offset[x + 1] + 0.25f * offset[x + 2]));
    }
}

static void between_models_row(const float *RESTRICT near, const float *RESTRICT far, float *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++)
        out[x + 1] = 0.75f * near[x] + 0.25f * far[x];
    out[0] = out[1];
    out[width + 1] = out[width];
}

/* Width and height are even. */
static int guide(Plane luma, Plane matte, float epsilon, Plane out, void *scratch)
{
    int width = luma.width / 2, height = luma.height / 2;
    uint8_t *block = scratch;
    Plane small_luma = cut_plane(&block, width, height), small_matte = cut_plane(&block, width, height);
    float *slope = cut(&block, 4 * (size_t)width * height), *offset = cut(&block, 4 * (size_t)width * height), *sums[6];
    for (int k = 0; k < 6; k++)
        sums[k] = cut(&block, 4 * ((size_t)width + 2));
    halve(luma, small_luma);
    halve(matte, small_matte);
    for (int y = 0; y < height; y++) {
        int above = reflected(y - 1, height), below = reflected(y + 1, height);
        const uint8_t *g[3] = {row8(small_luma, above), row8(small_luma, y), row8(small_luma, below)};
        const uint8_t *m[3] = {row8(small_matte, above), row8(small_matte, y), row8(small_matte, below)};
        sum_models_row(g, m, sums, width);
        solve_models_row(sums, epsilon, slope + (ptrdiff_t)y * width, offset + (ptrdiff_t)y * width, width);
    }
    for (int y = 0; y < luma.height; y++) {
        int near = y / 2, far = clamped(y & 1 ? near + 1 : near - 1, height);
        between_models_row(slope + (ptrdiff_t)near * width, slope + (ptrdiff_t)far * width, sums[4], width);
        between_models_row(offset + (ptrdiff_t)near * width, offset + (ptrdiff_t)far * width, sums[5], width);
        apply_models_row(sums[4], sums[5], row8(luma, y), row8(out, y), width);
    }
    return 1;
}
