/* The room model's pass over the work grid, as filters/matting/room_model.py has it. */

/* The greatest difference in a channel, chroma doubled for its smaller range, and that in chroma alone. */
static void distance_row(const uint8_t *RESTRICT y, const uint8_t *RESTRICT u, const uint8_t *RESTRICT v,
                         const uint8_t *RESTRICT known_y, const uint8_t *RESTRICT known_u, const uint8_t *RESTRICT known_v,
                         uint8_t *RESTRICT distance, uint8_t *RESTRICT chroma, int width)
{
    for (int x = 0; x < width; x++) {
        uint8_t dy = y[x] > known_y[x] ? y[x] - known_y[x] : known_y[x] - y[x];
        uint8_t du = u[x] > known_u[x] ? u[x] - known_u[x] : known_u[x] - u[x];
        uint8_t dv = v[x] > known_v[x] ? v[x] - known_v[x] : known_v[x] - v[x];
        uint8_t colour = du > dv ? du : dv, twice = colour > 127 ? 255 : (uint8_t)(2 * colour);
        chroma[x] = colour;
        distance[x] = dy > twice ? dy : twice;
    }
}

static int room_distance(Planes seen, Planes known, Plane distance, Plane chroma)
{
    for (int y = 0; y < distance.height; y++)
        distance_row(row8(seen.y, y), row8(seen.u, y), row8(seen.v, y), row8(known.y, y), row8(known.u, y),
                     row8(known.v, y), row8(distance, y), row8(chroma, y), distance.width);
    return 1;
}

static size_t room_correct_scratch(int width, int height)
{
    return 3 * ((size_t)(width + 2) * (height + 2) + 64) + 3 * ((size_t)width + 96);
}

/* The network's logit less what speaks for the room, as a probability again. */
static void weigh_evidence_row(const uint8_t *matte, const uint8_t *distance, const uint8_t *count, const RoomRules *rules,
                               uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        int logit = rules->logit[matte[x]];
        int room = count[x] > rules->trusted ? rules->evidence[distance[x]] : 0;
        out[x] = rules->probability[logit > room ? logit - room : 0];
    }
}

/* 255 where the room is known, differs, is no shadow (darker, not black, of the same colour), and the network doubts. */
static void person_row(const uint8_t *RESTRICT luma, const uint8_t *RESTRICT known, const uint8_t *RESTRICT matte,
                       const uint8_t *RESTRICT distance, const uint8_t *RESTRICT chroma, const uint8_t *RESTRICT count,
                       const RoomRules *rules, uint8_t *RESTRICT out, int width)
{
    uint8_t trusted = rules->trusted, doubt = rules->doubt;
    /* A level exceeds a number where it exceeds that number's floor, and is under it where it is under its ceiling. */
    uint8_t different = rules->different < 255 ? (uint8_t)rules->different : 255;
    float top = rules->shadow_chroma;
    uint8_t same = top > 255 ? 255 : (uint8_t)((int)top + (top > (int)top));
    int always = top > 255;
    float depth = rules->shadow_depth;
    for (int x = 0; x < width; x++) {
        uint8_t black = level(known[x] * depth);
        uint8_t shadow = (luma[x] < known[x]) & (luma[x] > black) & ((chroma[x] < same) | always);
        uint8_t person = (count[x] > trusted) & (distance[x] > different) & (matte[x] > doubt) & (shadow ^ 1);
        out[x] = (uint8_t)-person;
    }
}

/* The rows of a mask, eroded by 3 x 3 pixels, where they exceed `out`. Each has a column more on either side. */
static void erode_row(const uint8_t *RESTRICT a, const uint8_t *RESTRICT b, const uint8_t *RESTRICT c,
                      uint8_t *RESTRICT out, int width)
{
    for (int x = 0; x < width; x++) {
        uint8_t all = a[x] & a[x + 1] & a[x + 2] & b[x] & b[x + 1] & b[x + 2] & c[x] & c[x + 1] & c[x + 2];
        out[x] = all > out[x] ? all : out[x];
    }
}

/* All planes are the box of the work grid in which the matte is more than nothing. */
static int room_correct(Plane luma, Plane known, Plane matte, Plane distance, Plane chroma, Plane count,
                         const RoomRules *rules, Plane out, void *scratch)
{
    int width = matte.width, height = matte.height, wide = width + 2;
    uint8_t *block = scratch;
    Plane far = cut_plane(&block, width, height), colour = cut_plane(&block, width, height);
    uint8_t *person = cut(&block, (size_t)wide * (height + 2));
    box_mean_3(distance, far, (uint16_t *)block);
    box_mean_3(chroma, colour, (uint16_t *)block);
    memset(person, 255, (size_t)wide * (height + 2));
    for (int y = 0; y < height; y++) {
        weigh_evidence_row(row8(matte, y), row8(far, y), row8(count, y), rules, row8(out, y), width);
        person_row(row8(luma, y), row8(known, y), row8(matte, y), row8(far, y), row8(colour, y), row8(count, y), rules,
                   person + (ptrdiff_t)wide * (y + 1) + 1, width);
    }
    for (int y = 0; y < height; y++) {
        const uint8_t *above = person + (ptrdiff_t)wide * y;
        erode_row(above, above + wide, above + 2 * wide, row8(out, y), width);
    }
    return 1;
}
