/* The composite of a part of a picture, enlarged to the size of the whole: filters/compositor.py.
 *
 * What is interpolated is the source times alpha, and alpha: the two share an integer, so that they are one number's work.
 */

static const uint32_t PAIR = 0x00ff00ff, HALVES = 0x00800080;

/* Where each pixel along one side comes from: the first of two pixels, and the weight (0 to 256) of the second. */
typedef struct {
    int *from;
    uint32_t *weight;
    int first, end; /* outside, both pixels lie outside what is filled */
} Samples;

static Samples samples_of(float middle, float side, int length, int filled, int filled_end, uint8_t **block)
{
    Samples s = {cut(block, sizeof(int) * (size_t)length), cut(block, sizeof(uint32_t) * (size_t)length), 0, length};
    double start = ((double)middle - (double)side / 2) * length;
    for (int i = 0; i < length; i++) {
        double at = start + (i + 0.5) * side - 0.5;
        at = at < 0 ? 0 : at > length - 1 ? length - 1 : at;
        s.from[i] = (int)at;
        s.weight[i] = (uint32_t)((at - s.from[i]) * 256 + 0.5);
    }
    while (s.first < length && s.from[s.first] + 1 < filled)
        s.first++;
    while (s.end > s.first && s.from[s.end - 1] >= filled_end)
        s.end--;
    return s;
}

static inline uint32_t mixed(uint32_t a, uint32_t b, uint32_t weight)
{
    return (a * (256 - weight) + b * weight + HALVES) >> 8 & PAIR;
}

static void pack_row(const uint8_t *RESTRICT source, const uint8_t *RESTRICT alpha, uint32_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++)
        out[x] = times(source[x], alpha[x]) | (uint32_t)alpha[x] << 16;
    out[width] = out[width - 1];
}

static void sample_row(const uint32_t *RESTRICT packed, const Samples *across, uint32_t *RESTRICT out)
{
    const int *RESTRICT from = across->from;
    const uint32_t *RESTRICT weight = across->weight;
    for (int x = across->first; x < across->end; x++)
        out[x] = mixed(packed[from[x]], packed[from[x] + 1], weight[x]);
}

static void lay_row(const uint32_t *RESTRICT near, const uint32_t *RESTRICT far, uint32_t weight,
                    const uint8_t *RESTRICT behind, uint8_t *RESTRICT out, uint8_t *RESTRICT shown, int width)
{
    for (int x = 0; x < width; x++) {
        uint32_t pair = mixed(near[x], far[x], weight);
        uint16_t share = pair >> 16, sum = (uint16_t)(pair & 255) + times(behind[x], 255 - share);
        out[x] = sum > 255 ? 255 : sum;
        shown[x] = (uint8_t)share;
    }
}

/* What the planes share; `shares` is a row of alpha at chroma's size, `shown` one of what is shown of it. */
typedef struct {
    Plane alpha;
    uint32_t *packed, *wide[2];
    uint8_t *shares, *shown;
} Cropping;

/* The alpha of one row of a plane; `halved` is 1 for chroma, whose alpha is the least of 2 x 2. */
static const uint8_t *alpha_row(const Cropping *c, int y, int halved, int width)
{
    if (!halved)
        return row8(c->alpha, y);
    int below = least(2 * y + 1, c->alpha.height - 1);
    least_of_four(row8(c->alpha, 2 * y), row8(c->alpha, below), c->alpha.width, c->shares, width);
    return c->shares;
}

/* One plane; `shown` takes what is shown of alpha, if it has pixels. */
static void crop_plane(Plane source, const Cropping *c, int halved, Plane background, const Samples *across,
                       const Samples *down, Plane out, Plane shown)
{
    int known[2] = {-1, -1}, first = across->first, width = across->end - first;
    for (int y = 0; y < out.height; y++) {
        uint8_t *line = shown.data ? row8(shown, y) : c->shown;
        if (shown.data)
            memset(line, 0, out.width);
        memcpy(row8(out, y), row8(background, y), out.width);
        if (y < down->first || y >= down->end || width < 1)
            continue;
        for (int k = 0; k < 2; k++) {
            int from = least(down->from[y] + k, out.height - 1);
            if (known[from & 1] == from)
                continue;
            known[from & 1] = from;
            pack_row(row8(source, from), alpha_row(c, from, halved, out.width), c->packed, out.width);
            sample_row(c->packed, across, c->wide[from & 1]);
        }
        int far = least(down->from[y] + 1, out.height - 1);
        lay_row(c->wide[down->from[y] & 1] + first, c->wide[far & 1] + first, down->weight[y],
                row8(background, y) + first, row8(out, y) + first, line + first, width);
    }
}

static size_t composite_crop_scratch(int width, int height)
{
    return 4 * 5 * ((size_t)width + 64) + 4 * 4 * ((size_t)width + height + 128) + 1024;
}

/* The part has its middle at (x, y) and `side` of the frame's, all as shares of it. */
static int composite_crop(Planes source, Plane alpha, Planes background, const float part[3], Planes out, Plane shown,
                          void *scratch)
{
    int width = alpha.width, height = alpha.height;
    uint8_t *block = scratch;
    Cropping c = {alpha, cut(&block, 4 * ((size_t)width + 1)), {cut(&block, 4 * (size_t)width), cut(&block, 4 * (size_t)width)},
                  cut(&block, width), cut(&block, width)};
    Box box = box_between(alpha, 1, 255, c.shown);
    Samples across = samples_of(part[0], part[2], width, box.left, box.right, &block);
    Samples down = samples_of(part[1], part[2], height, box.top, box.bottom, &block);
    crop_plane(source.y, &c, 0, background.y, &across, &down, out.y, shown);
    block = (uint8_t *)across.from;
    across = samples_of(part[0], part[2], out.u.width, box.left / 2, (box.right + 1) / 2, &block);
    down = samples_of(part[1], part[2], out.u.height, box.top / 2, (box.bottom + 1) / 2, &block);
    Plane none = {0};
    crop_plane(source.u, &c, 1, background.u, &across, &down, out.u, none);
    crop_plane(source.v, &c, 1, background.v, &across, &down, out.v, none);
    return 1;
}
