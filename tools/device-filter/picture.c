// What is done with a picture's 8-bit planes: scaled for the network, and composed by what the network found.
// A plane has `step` bytes from a value to the next and `stride` bytes from a row to the next.
#include "simd.h"

// A cell is known from so small a part of it that is room, one in ROOM_PART: chosen; fewer pixels would show one by one.
#define ROOM_PART 8
// What a plane shows where nothing is known.
#define GREY 128

// Where value i of `to` lies among `from` values, by the centres of both: left neighbour and share of the right one.
static void place(int *at, float *share, int from, int to) {
  for (int i = 0; i < to; i++) {
    float x = (i + .5f) * from / to - .5f;
    x = x < 0 ? 0 : x > from - 1 ? from - 1 : x;
    at[i] = from > 1 && (int)x > from - 2 ? from - 2 : (int)x;
    share[i] = x - at[i];
  }
}

// Half as large, by the mean of two by two; `to` may be `from` where step is 1 and stride the width.
static void halve(const byte *from, int step, int stride, int width, int height, byte *to) {
  for (int r = 0; r < height / 2; r++)
    for (int c = 0; c < width / 2; c++) {
      const byte *p = from + 2 * r * stride + 2 * c * step;
      *to++ = (p[0] + p[step] + p[stride] + p[stride + step] + 2) / 4;
    }
}

// A plane of width x height to w x h floats, bilinear, after as many halvings as leave it no smaller than that.
// t has room for a quarter of the plane and 2 w values.
EXPORT(shrink) void shrink(const byte *from, int step, int stride, int width, int height, float *to, int w, int h,
                           float *t) {
  int *at = (int *)t;
  float *share = t + w;
  byte *halved = (byte *)(t + 2 * w);
  while (width >= 2 * w && height >= 2 * h) {
    halve(from, step, stride, width, height, halved);
    from = halved, step = 1, width /= 2, height /= 2, stride = width;
  }
  place(at, share, width, w);
  for (int r = 0; r < h; r++) {
    int row;
    float below;
    float y = (r + .5f) * height / h - .5f;
    y = y < 0 ? 0 : y > height - 1 ? height - 1 : y;
    row = height > 1 && (int)y > height - 2 ? height - 2 : (int)y, below = y - row;
    const byte *a = from + row * stride, *b = height > 1 ? a + stride : a;
    for (int c = 0; c < w; c++) {
      int p = at[c] * step, q = width > 1 ? p + step : p;
      float top = a[p] + (a[q] - a[p]) * share[c], bottom = b[p] + (b[q] - b[p]) * share[c];
      *to++ = top + (bottom - top) * below;
    }
  }
}

static inline float unit(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

// Planes Y, U, V of n values each, 8-bit numbers, to R, G, B in [0, 1], in place; BT.601.
EXPORT(to_rgb) void to_rgb(float *planes, int n, int full_range) {
  float black = full_range ? 0 : 16, luma = full_range ? 1 / 255.f : 1 / 219.f, chroma = full_range ? 1 / 255.f : 1 / 224.f;
  for (int i = 0; i < n; i++) {
    float y = (planes[i] - black) * luma, u = (planes[n + i] - 128) * chroma, v = (planes[2 * n + i] - 128) * chroma;
    planes[i] = unit(y + 1.402f * v);
    planes[n + i] = unit(y - .344136f * u - .714136f * v);
    planes[2 * n + i] = unit(y + 1.772f * u);
  }
}

// x * gain + bias, in place.
EXPORT(affine) void affine(float *x, int n, float gain, float bias) {
  for (int i = 0; i < n; i += 4) STORE(x + i, ADD(MUL(LOAD(x + i), SPLAT(gain)), SPLAT(bias)));
}

// How many values of a matte are `least` or more, or -1 where it is none (not a number, outside of [0, 1]).
EXPORT(certain) int certain(const float *matte, int n, float least) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    if (!(matte[i] >= -.001f && matte[i] <= 1.001f)) return -1;
    count += matte[i] >= least;
  }
  return count;
}

// Row r of `to`, in full height, out of `columns` x `rows` values, one column more than there is.
static inline void blend_rows(const float *from, int columns, int rows, int r, int height, float *to) {
  float y = (r + .5f) * rows / height - .5f;
  y = y < 0 ? 0 : y > rows - 1 ? rows - 1 : y;
  int a = (int)y, b = a + 1 < rows ? a + 1 : a;
  for (int c = 0; c < columns; c++) to[c] = from[a * columns + c] + (from[b * columns + c] - from[a * columns + c]) * (y - a);
  to[columns] = to[columns - 1];
}

// A plane's means over columns x rows cells, of what `room` marks in full size; `known` tells which cells have enough.
static void means(const byte *from, int step, int stride, int width, int height, const byte *room, float *to, byte *known,
                  int columns, int rows) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) {
      int top = r * height / rows, bottom = (r + 1) * height / rows, left = c * width / columns;
      int right = (c + 1) * width / columns, sum = 0, count = 0;
      if (bottom == top) bottom++;  // more cells than rows
      if (right == left) right++;
      for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
          int out = room[y * width + x];
          sum += from[y * stride + x * step] * out, count += out;
        }
      *known++ = count && count * ROOM_PART >= (bottom - top) * (right - left);
      *to++ = count ? (float)sum / count : 0;
    }
}

// Gives the cells that aren't known the mean of those around that are, from the outside in, or grey where none is.
static void fill(float *cells, byte *known, int columns, int rows) {
  for (int left = 1, found = 1; left;) {
    int none = !found;
    left = found = 0;
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++) {
        int i = r * columns + c, count = 0;
        float sum = 0;
        if (known[i]) continue;
        for (int y = r ? r - 1 : 0; y <= r + 1 && y < rows; y++)
          for (int x = c ? c - 1 : 0; x <= c + 1 && x < columns; x++)
            if (known[y * columns + x] == 1) sum += cells[y * columns + x], count++;
        if (count) cells[i] = sum / count, known[i] = 2, found = 1;
        else if (none) cells[i] = GREY, known[i] = 1;
        else left = 1;
      }
    for (int i = 0; i < columns * rows; i++) known[i] = known[i] > 0;
  }
}

// Replaces a plane, in place, by its room's means over columns x rows cells, enlarged bilinearly; except where the matte
// of w x h values, enlarged bilinearly, is `least` or more. Whoever stands there takes no part in the means: a hem of
// their colours looks like more of them. t has room for 2 columns rows + columns + w + 2 + 4 width values and one byte
// a pixel.
EXPORT(compose) void compose(byte *plane, int step, int stride, int width, int height, const float *matte, int w, int h,
                             float least, float *t, int columns, int rows) {
  float *cells = t, *cell_row = cells + columns * rows, *matte_row = cell_row + columns + 1;
  float *cell_share = matte_row + w + 1, *matte_share = cell_share + width;
  int *cell_at = (int *)(matte_share + width), *matte_at = cell_at + width;
  byte *known = (byte *)(matte_at + width), *room = known + 4 * columns * rows;
  place(cell_at, cell_share, columns, width);
  place(matte_at, matte_share, w, width);
  for (int r = 0; r < height; r++) {
    blend_rows(matte, w, h, r, height, matte_row);
    for (int c = 0; c < width; c++) {
      const float *m = matte_row + matte_at[c];
      room[r * width + c] = !(m[0] + (m[1] - m[0]) * matte_share[c] >= least);
    }
  }
  means(plane, step, stride, width, height, room, cells, known, columns, rows);
  fill(cells, known, columns, rows);
  for (int r = 0; r < height; r++) {
    blend_rows(cells, columns, rows, r, height, cell_row);
    byte *p = plane + r * stride;
    for (int c = 0; c < width; c++, p += step) {
      if (!room[r * width + c]) continue;
      const float *q = cell_row + cell_at[c];
      *p = q[0] + (q[1] - q[0]) * cell_share[c] + .5f;
    }
  }
}
