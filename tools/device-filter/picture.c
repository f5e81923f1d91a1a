// What is done with a picture's 8-bit planes: scaled for the network, and composed by what the network found.
// A plane has `step` bytes from a value to the next and `stride` bytes from a row to the next.
#include "simd.h"

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

// The larger of two rows of n bytes, into the first.
static void largest(byte *to, const byte *from, int n) {
  int i = 0;
  for (; i + 16 <= n; i += 16) STORE(to + i, wasm_u8x16_max(LOAD(to + i), LOAD(from + i)));
  for (; i < n; i++) to[i] = to[i] > from[i] ? to[i] : from[i];
}

// The matte, spread by a disc: each value is the largest within `radius`, in 255ths. Returns how many are one half or
// more, or -1 where the matte is none (not a number, outside of [0, 1]). t has room for (h + 2 r) (w + 2 r) bytes,
// where r is the radius, rounded up.
EXPORT(spread) int spread(const float *matte, byte *to, byte *t, int w, int h, float radius) {
  int r = (int)radius + 1, width = w + 2 * r, count = 0;
  for (int i = 0; i < width * (h + 2 * r); i++) t[i] = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float alpha = matte[y * w + x];
      if (!(alpha >= -.001f && alpha <= 1.001f)) return -1;
      t[(y + r) * width + x + r] = unit(alpha) * 255 + .5f;
    }
  for (int y = 0; y < h; y++) {
    byte *row = to + y * w;
    for (int i = 0; i < w; i++) row[i] = 0;
    for (int dy = -r; dy <= r; dy++)
      for (int dx = -r; dx <= r; dx++)
        if (dx * dx + dy * dy <= radius * radius) largest(row, t + (y + r + dy) * width + r + dx, w);
    for (int i = 0; i < w; i++) count += row[i] > 127;
  }
  return count;
}

// A plane's means over columns x rows cells.
static void means(const byte *from, int step, int stride, int width, int height, float *to, int columns, int rows) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) {
      int top = r * height / rows, bottom = (r + 1) * height / rows, left = c * width / columns;
      int right = (c + 1) * width / columns, sum = 0;
      if (bottom == top) bottom++;  // more cells than rows
      if (right == left) right++;
      for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) sum += from[y * stride + x * step];
      *to++ = (float)sum / ((bottom - top) * (right - left));
    }
}

// Row r of `to`, in full height, out of `columns` x `rows` values, one column more than there is.
static inline void blend_rows(const float *from, int columns, int rows, int r, int height, float *to) {
  float y = (r + .5f) * rows / height - .5f;
  y = y < 0 ? 0 : y > rows - 1 ? rows - 1 : y;
  int a = (int)y, b = a + 1 < rows ? a + 1 : a;
  for (int c = 0; c < columns; c++) to[c] = from[a * columns + c] + (from[b * columns + c] - from[a * columns + c]) * (y - a);
  to[columns] = to[columns - 1];
}

// The spread matte as floats, once a picture, for `compose`.
EXPORT(widen) void widen(const byte *from, float *to, int n) {
  for (int i = 0; i < n; i++) to[i] = from[i];
}

// Replaces a plane, in place, by its means over columns x rows cells, enlarged bilinearly; except where the spread
// matte of w x h values, enlarged bilinearly, is one half or more. t has room for columns rows + columns + w + 2 + 4
// width values.
EXPORT(compose) void compose(byte *plane, int step, int stride, int width, int height, const float *matte, int w, int h,
                             float *t, int columns, int rows) {
  float *cells = t, *cell_row = cells + columns * rows, *matte_row = cell_row + columns + 1;
  float *cell_share = matte_row + w + 1, *matte_share = cell_share + width;
  int *cell_at = (int *)(matte_share + width), *matte_at = cell_at + width;
  place(cell_at, cell_share, columns, width);
  place(matte_at, matte_share, w, width);
  means(plane, step, stride, width, height, cells, columns, rows);
  for (int r = 0; r < height; r++) {
    blend_rows(cells, columns, rows, r, height, cell_row);
    blend_rows(matte, w, h, r, height, matte_row);
    byte *p = plane + r * stride;
    for (int c = 0; c < width; c++, p += step) {
      const float *m = matte_row + matte_at[c], *q = cell_row + cell_at[c];
      if (m[0] + (m[1] - m[0]) * matte_share[c] >= 127.5f) continue;
      *p = q[0] + (q[1] - q[0]) * cell_share[c] + .5f;
    }
  }
}
