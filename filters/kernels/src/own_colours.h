/* The person's own colours at the edge, as filters/foreground.py has them: I + (1 - alpha) (F - B), never beyond F. */

enum { EDGE_MARGIN = 8 };

/* What all planes share: the part of the matte around its edge, and the weights of person and room at half the size. */
typedef struct {
    Box box;
    Plane share, weight[2], total[2];
    Plane before, small, product, mean[2];
    uint16_t *wide[2], *sums;
    int16_t *change, *line;
    uint8_t *moved;
} Edge;

static size_t own_colours_scratch(int width, int height)
{
    size_t grid = (size_t)(width / 2 + 2) * (height / 2 + 2);
    return 11 * grid + 128 * ((size_t)width + height) + 8192;
}

static void multiply(Plane a, Plane b, Plane out)
{
    const uint8_t *RESTRICT p = a.data, *RESTRICT q = b.data;
    uint8_t *RESTRICT o = out.data;
    for (int i = 0; i < out.width * out.height; i++)
        o[i] = times(p[i], q[i]);
}

static void divide(Plane plane, Plane total)
{
    uint8_t *RESTRICT p = plane.data;
    const uint8_t *RESTRICT t = total.data;
    for (int i = 0; i < plane.width * plane.height; i++) {
        float divisor = t[i];
        uint8_t mean = level(255.0f * p[i] / (divisor < 1 ? 1 : divisor));
        p[i] = t[i] ? mean : 0;
    }
}

/* Twice the width, in OpenCV's fixed point for bytes: weights of 7 bits. */
static void widen_mean_row(const uint8_t *RESTRICT mean, uint16_t *RESTRICT out, int width)
{
    out[0] = 128 * mean[0];
    out[2 * width - 1] = 128 * mean[width - 1];
    for (int x = 0; x < width - 1; x++) {
        out[2 * x + 1] = 96 * mean[x] + 32 * mean[x + 1];
        out[2 * x + 2] = 96 * mean[x + 1] + 32 * mean[x];
    }
}

/* Between two rows of widened means, in the same fixed point. */
static inline uint16_t between_rows(uint16_t near, uint16_t far)
{
    return (uint16_t)((uint16_t)((uint32_t)near * 1536u >> 16) + (far >> 7) + 2) >> 2;
}

static void move_row(const uint8_t *RESTRICT before, const uint8_t *RESTRICT share, const uint16_t *RESTRICT person_near,
                     const uint16_t *RESTRICT person_far, const uint16_t *RESTRICT room_near,
                     const uint16_t *RESTRICT room_far, uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t person = between_rows(person_near[x], person_far[x]), room = between_rows(room_near[x], room_far[x]);
        uint16_t value = before[x], rest = 255 - share[x];
        uint16_t more = times(person > room ? person - room : 0, rest), less = times(room > person ? room - person : 0, rest);
        uint16_t high = value > person ? value : person, low = value < person ? value : person;
        uint16_t moved = value + more > 255 ? 255 : value + more;
        moved = moved > less ? moved - less : 0;
        moved = moved > high ? high : moved;
        out[x] = moved < low ? low : moved;
    }
}

static void change_row(const uint8_t *RESTRICT before, const uint8_t *RESTRICT after, int16_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        int16_t change = after[x] - before[x];
        out[x] = change < -128 ? -128 : change > 127 ? 127 : change;
    }
}

/* `near` and `far` weighted, with a column more on either side. */
static void weigh_rows(const int16_t *RESTRICT near, int near_weight, const int16_t *RESTRICT far, int far_weight,
                       int16_t *RESTRICT line, int width)
{
    int16_t a = near_weight, b = far_weight;
    for (int x = 0; x < width; x++)
        line[x + 1] = (int16_t)(a * near[x]) + (int16_t)(b * far[x]);
    line[0] = line[1];
    line[width + 1] = line[width];
}

static inline uint8_t shifted(uint8_t value, int16_t change)
{
    int16_t sum = value + change;
    return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

static void shift_row_2(const int16_t *RESTRICT line, uint8_t *RESTRICT row, int width)
{
    for (int x = 0; x < width; x++) {
        row[2 * x] = shifted(row[2 * x], sixteenth(3 * line[x + 1] + line[x]));
        row[2 * x + 1] = shifted(row[2 * x + 1], sixteenth(3 * line[x + 1] + line[x + 2]));
    }
}

static void shift_row_4(const int16_t *RESTRICT line, uint8_t *RESTRICT row, int width)
{
    for (int x = 0; x < width; x++) {
        int16_t before = line[x], here = line[x + 1], after = line[x + 2];
        row[4 * x] = shifted(row[4 * x], sixtyfourth(5 * here + 3 * before));
        row[4 * x + 1] = shifted(row[4 * x + 1], sixtyfourth(7 * here + before));
        row[4 * x + 2] = shifted(row[4 * x + 2], sixtyfourth(7 * here + after));
        row[4 * x + 3] = shifted(row[4 * x + 3], sixtyfourth(5 * here + 3 * after));
    }
}

/* Add the change of the grid, enlarged `scale` (2 or 4) times, to the plane. */
static void shift(Plane plane, const Edge *edge, int scale)
{
    int width = edge->box.right - edge->box.left, height = edge->box.bottom - edge->box.top;
    for (int y = 0; y < scale * height; y++) {
        int near = y / scale, phase = y % scale, far = clamped(phase < scale / 2 ? near - 1 : near + 1, height);
        int weight = scale == 4 && (phase == 0 || phase == 3) ? 3 : 1;
        weigh_rows(edge->change + (ptrdiff_t)near * width, 2 * scale - weight, edge->change + (ptrdiff_t)far * width,
                   weight, edge->line, width);
        (scale == 2 ? shift_row_2 : shift_row_4)(edge->line, row8(plane, y), width);
    }
}

static void reduce(Plane plane, int scale, Plane out, Plane spare)
{
    if (scale == 1)
        copy_rows(plane, out);
    else if (scale == 2)
        halve(plane, out);
    else {
        halve(plane, spare);
        halve(spare, out);
    }
}

/* Even, so that it is halved quickly, and EDGE_MARGIN pixels around all that are neither room nor person. */
static Box edge_box(Plane share, uint8_t *columns)
{
    Box box = box_between(share, 1, 254, columns);
    if (!box.bottom)
        return box;
    return (Box){most(0, box.left - EDGE_MARGIN) & ~1, most(0, box.top - EDGE_MARGIN) & ~1,
                 least(share.width & ~1, (box.right + EDGE_MARGIN + 1) & ~1),
                 least(share.height & ~1, (box.bottom + EDGE_MARGIN + 1) & ~1)};
}

static void weigh(Edge *edge, uint8_t **block)
{
    int width = edge->share.width / 2, height = edge->share.height / 2;
    Plane part = edge->small;
    halve(edge->share, part);
    for (int k = 0; k < 2; k++) {
        edge->weight[k] = cut_plane(block, width, height);
        edge->total[k] = cut_plane(block, width, height);
        for (int i = 0; k && i < width * height; i++)
            part.data[i] = (uint8_t)~part.data[i];
        multiply(part, part, edge->weight[k]); /* squared, because what is mixed should count little */
        box_mean_5(edge->weight[k], edge->total[k], edge->sums);
    }
}

static Edge edge_of(Plane share, Box box, uint8_t **block)
{
    int width = box.right - box.left, height = box.bottom - box.top;
    Edge edge = {.box = box, .share = part_of(share, box)};
    edge.before = cut_plane(block, width, height);
    edge.small = cut_plane(block, width / 2, height / 2);
    edge.product = cut_plane(block, width / 2, height / 2);
    edge.change = cut(block, 2 * (size_t)width * height);
    edge.line = cut(block, 2 * ((size_t)width + 2));
    edge.sums = cut(block, 2 * ((size_t)width + 4));
    edge.moved = cut(block, width);
    for (int k = 0; k < 2; k++) {
        edge.mean[k] = cut_plane(block, width / 2, height / 2);
        edge.wide[k] = cut(block, (size_t)width * height);
    }
    weigh(&edge, block);
    return edge;
}

/* The means of person and room around each pixel of `before`, at twice their width. */
static void spread(Edge *edge)
{
    int width = edge->small.width;
    halve(edge->before, edge->small);
    for (int k = 0; k < 2; k++) {
        multiply(edge->small, edge->weight[k], edge->product);
        box_mean_5(edge->product, edge->mean[k], edge->sums);
        divide(edge->mean[k], edge->total[k]);
        for (int y = 0; y < edge->small.height; y++)
            widen_mean_row(row8(edge->mean[k], y), edge->wide[k] + (ptrdiff_t)2 * width * y, width);
    }
}

/* Move the colours of one plane, whose pixels are `scale` (1, 2 or 4) times smaller than those of the grid. */
static void correct_plane(Plane plane, Edge *edge, int scale, uint8_t *spare)
{
    int width = edge->before.width, height = edge->before.height;
    Plane part = part_of(plane, (Box){scale * edge->box.left, scale * edge->box.top, scale * edge->box.right,
                                      scale * edge->box.bottom});
    reduce(part, scale, edge->before, (Plane){spare, 2 * width, 2 * width, 2 * height});
    spread(edge);
    for (int y = 0; y < height; y++) {
        int near = y / 2, far = clamped(y & 1 ? near + 1 : near - 1, height / 2);
        uint8_t *after = scale == 1 ? row8(part, y) : edge->moved;
        move_row(row8(edge->before, y), row8(edge->share, y), edge->wide[0] + (ptrdiff_t)near * width,
                 edge->wide[0] + (ptrdiff_t)far * width, edge->wide[1] + (ptrdiff_t)near * width,
                 edge->wide[1] + (ptrdiff_t)far * width, after, width);
        if (scale > 1)
            change_row(row8(edge->before, y), after, edge->change + (ptrdiff_t)y * width, width);
    }
    if (scale > 1)
        shift(part, edge, scale);
}

/* Luma is of even width and height; the grid is chroma's, `factor` (1 or 2) times smaller, and at least 2 x 2.
 * Returns 0, having written nothing, where the matte has no edge. */
static int own_colours(Planes source, Plane alpha, Planes out, int factor, void *scratch)
{
    uint8_t *block = scratch;
    Plane share = cut_plane(&block, source.u.width / factor, source.u.height / factor);
    uint8_t *spare = cut(&block, factor == 1 ? 0 : 4 * (size_t)share.width * share.height);
    reduce(alpha, 2 * factor, share, (Plane){spare, 2 * share.width, 2 * share.width, 2 * share.height});
    Box box = edge_box(share, block);
    if (!box.bottom)
        return 0;
    copy_rows(source.y, out.y);
    copy_rows(source.u, out.u);
    copy_rows(source.v, out.v);
    Edge edge = edge_of(share, box, &block);
    correct_plane(out.y, &edge, 2 * factor, spare);
    correct_plane(out.u, &edge, factor, spare);
    correct_plane(out.v, &edge, factor, spare);
    return 1;
}
