/* Twice the width: weights 3 and 1, so that two passes give sixteenths. `sums` has a column more on either side. */
static void widen_row(const uint8_t *RESTRICT near, const uint8_t *RESTRICT far, int width, uint16_t *RESTRICT sums,
                      uint8_t *RESTRICT even, uint8_t *RESTRICT odd)
{
    for (int x = 0; x < width; x++)
        sums[x + 1] = 3 * near[x] + far[x];
    sums[0] = sums[1];
    sums[width + 1] = sums[width];
    for (int x = 0; x < width; x++) {
        even[x] = sixteenth(3 * sums[x + 1] + sums[x]);
        odd[x] = sixteenth(3 * sums[x + 1] + sums[x + 2]);
    }
}

static void stretch_row(uint8_t *RESTRICT row, int width, float gain, float offset)
{
    for (int x = 0; x < width; x++)
        row[x] = level(gain * row[x] + offset);
}

static void zip_row(const uint8_t *RESTRICT even, const uint8_t *RESTRICT odd, int width, uint8_t *RESTRICT out)
{
    for (int x = 0; x < width; x++) {
        out[2 * x] = even[x];
        out[2 * x + 1] = odd[x];
    }
}

static size_t enlarge_scratch(int width) { return 5 * ((size_t)width + 128); }

/* The matte at twice its size, bilinear, then gain * matte + offset; 0 where all around is 0. */
static int enlarge(Plane matte, float gain, float offset, Plane out, void *scratch)
{
    uint8_t *block = scratch, *even = cut(&block, matte.width), *odd = cut(&block, matte.width);
    uint16_t *sums = cut(&block, 2 * ((size_t)matte.width + 2));
    int plain = gain == 1 && offset == 0;
    Box box = box_between(matte, 1, 255, even);
    box = box.bottom ? (Box){most(0, box.left - 1), most(0, box.top - 1), least(matte.width, box.right + 1),
                             least(matte.height, box.bottom + 1)} : box;
    Plane part = part_of(matte, box);
    for (int y = 0; y < out.height; y++) {
        uint8_t *o = row8(out, y);
        int near = y / 2 - box.top;
        if (near < 0 || near >= part.height) {
            memset(o, 0, out.width);
            continue;
        }
        int far = clamped(y & 1 ? near + 1 : near - 1, part.height);
        widen_row(row8(part, near), row8(part, far), part.width, sums, even, odd);
        memset(o, 0, 2 * box.left);
        if (!plain) {
            stretch_row(even, part.width, gain, offset);
            stretch_row(odd, part.width, gain, offset);
        }
        zip_row(even, odd, part.width, o + 2 * box.left);
        memset(o + 2 * box.right, 0, out.width - 2 * box.right);
    }
    return 1;
}

/* round(scale * values), clipped to bytes. */
static int quantize(Alpha values, float scale, Plane out)
{
    for (int y = 0; y < out.height; y++) {
        const float *RESTRICT v = row32(values, y);
        uint8_t *RESTRICT o = row8(out, y);
        for (int x = 0; x < out.width; x++)
            o[x] = level(scale * v[x]);
    }
    return 1;
}

static size_t smooth_scratch(int width, int height) { return 2 * ((size_t)width * height + 64) + 2 * ((size_t)width + 96); }

static void differ_row(const uint8_t *RESTRICT a, const uint8_t *RESTRICT b, uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++)
        out[x] = a[x] > b[x] ? a[x] - b[x] : b[x] - a[x];
}

/* How still each pixel is, from 0 to 1. */
static void stillness_row(const uint8_t *RESTRICT difference, float moving, float slope, float *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        float share = (moving - difference[x]) * slope;
        out[x] = share < 0 ? 0 : share > 1 ? 1 : share;
    }
}

static void mean_of_times_row(const float *RESTRICT current, const float *RESTRICT after, const float *RESTRICT still,
                              float future, const float *RESTRICT mean, const float *RESTRICT still_before, float past,
                              float *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        float weight = future * still[x], before = past * still_before[x];
        out[x] = (current[x] + weight * after[x] + before * mean[x]) / (1 + weight + before);
    }
}

/* MotionAdaptive's mean of past, present and future; without a past, `still_before` is 0. */
static int smooth(Alpha current, Alpha after, Plane luma, Plane luma_after, Alpha mean, Alpha still_before,
                   Smoothing smoothing, Alpha out, Alpha still, void *scratch)
{
    uint8_t *block = scratch;
    Plane difference = cut_plane(&block, luma.width, luma.height), around = cut_plane(&block, luma.width, luma.height);
    for (int y = 0; y < luma.height; y++)
        differ_row(row8(luma, y), row8(luma_after, y), row8(difference, y), luma.width);
    box_mean_5(difference, around, (uint16_t *)block);
    float slope = 1 / (smoothing.moving - smoothing.still);
    for (int y = 0; y < luma.height; y++) {
        stillness_row(row8(around, y), smoothing.moving, slope, row32(still, y), luma.width);
        mean_of_times_row(row32(current, y), row32(after, y), row32(still, y), smoothing.future, row32(mean, y),
                          row32(still_before, y), smoothing.past, row32(out, y), luma.width);
    }
    return 1;
}
