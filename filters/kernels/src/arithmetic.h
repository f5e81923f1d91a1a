/* Arithmetic on levels, rounded as OpenCV rounds, and what all kernels share. Every loop is written to be vectorised. */

#define RESTRICT __restrict

static inline int least(int a, int b) { return a < b ? a : b; }
static inline int most(int a, int b) { return a > b ? a : b; }
static inline uint8_t *row8(Plane plane, int y) { return plane.data + y * plane.stride; }
static inline float *row32(Alpha plane, int y) { return plane.data + y * plane.stride; }

/* a * b / 255, rounded to nearest, for a and b up to 255. */
static inline uint16_t times(uint16_t a, uint16_t b)
{
    uint16_t t = (uint16_t)(a * b + 128);
    return (uint16_t)(t + (t >> 8)) >> 8;
}

/* The nearest level, halves to even; 0 for what is no number. 1.5 * 2^23 leaves no room for a fraction in a float. */
static inline uint8_t level(float x)
{
    uint32_t bits;
    x = x > 0 ? x : 0;
    x = (x < 255 ? x : 255) + 12582912.0f;
    memcpy(&bits, &x, sizeof bits);
    return (uint8_t)bits;
}

/* sum / 16, halves to even. */
static inline int16_t sixteenth(int16_t sum) { return (int16_t)(sum + 7 + ((sum >> 4) & 1)) >> 4; }

/* sum / 64, halves to even. */
static inline int16_t sixtyfourth(int16_t sum) { return (int16_t)(sum + 31 + ((sum >> 6) & 1)) >> 6; }

/* The index that a border reflected about its outermost pixel gives (OpenCV's BORDER_REFLECT_101). */
static inline int reflected(int i, int n)
{
    if (n == 1)
        return 0;
    while (i < 0 || i >= n)
        i = i < 0 ? -i : 2 * n - 2 - i;
    return i;
}

static inline int clamped(int i, int n) { return most(0, least(i, n - 1)); }

typedef struct { int left, top, right, bottom; } Box; /* right and bottom are not included; all 0 where it is empty */

/* The bounding box of low <= pixel <= high. `columns` holds a row's bytes. */
static Box box_between(Plane plane, int low, int high, uint8_t *RESTRICT columns)
{
    uint8_t span = (uint8_t)(high - low);
    Box box = {0, plane.height, plane.width, 0};
    memset(columns, 0, plane.width);
    for (int y = 0; y < plane.height; y++) {
        const uint8_t *RESTRICT row = row8(plane, y);
        uint8_t any = 0;
        for (int x = 0; x < plane.width; x++)
            any |= (uint8_t)(row[x] - low) <= span;
        if (!any)
            continue;
        box.top = least(box.top, y);
        box.bottom = y + 1;
        for (int x = 0; x < plane.width; x++)
            columns[x] |= (uint8_t)(row[x] - low) <= span;
    }
    if (!box.bottom)
        return (Box){0, 0, 0, 0};
    while (!columns[box.left])
        box.left++;
    while (!columns[box.right - 1])
        box.right--;
    return box;
}

static inline Plane part_of(Plane plane, Box box)
{
    return (Plane){row8(plane, box.top) + box.left, plane.stride, box.right - box.left, box.bottom - box.top};
}

/* Cuts pieces from one block, each at a multiple of 64 bytes. */
static inline void *cut(uint8_t **block, size_t size)
{
    void *piece = *block;
    *block += (size + 63) & ~(size_t)63;
    return piece;
}

static inline Plane cut_plane(uint8_t **block, int width, int height)
{
    return (Plane){cut(block, (size_t)width * height), width, width, height};
}

/* Means of 2 x 2 pixels, halves up; `out` is at most half as wide and high. */
static void halve(Plane plane, Plane out)
{
    for (int y = 0; y < out.height; y++) {
        const uint8_t *RESTRICT a = row8(plane, 2 * y), *RESTRICT b = row8(plane, 2 * y + 1);
        uint8_t *RESTRICT o = row8(out, y);
        for (int x = 0; x < out.width; x++)
            o[x] = (uint16_t)(a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2;
    }
}

static void copy_rows(Plane plane, Plane out)
{
    for (int y = 0; y < out.height; y++)
        memcpy(row8(out, y), row8(plane, y), out.width);
}
