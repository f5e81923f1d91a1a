// The operators of a network: float32 planes (channel, row, column), one picture at a time.
// Buffers have room for SLACK floats (network.js) after their end: rows are written four values at a time.
#include "simd.h"

EXPORT(unary) void unary(const float *x, float *y, int n, int activation) {
  for (int i = 0; i < n; i += 4) STORE(y + i, activate(LOAD(x + i), activation));
}

EXPORT(add) void add(const float *x, const float *z, float *y, int n) {
  for (int i = 0; i < n; i += 4) STORE(y + i, ADD(LOAD(x + i), LOAD(z + i)));
}

EXPORT(multiply) void multiply(const float *x, const float *z, float *y, int n) {
  for (int i = 0; i < n; i += 4) STORE(y + i, MUL(LOAD(x + i), LOAD(z + i)));
}

// Each of `channels` planes of n values times its own factor.
EXPORT(scale) void scale(const float *x, const float *factors, float *y, int channels, int n) {
  for (int c = 0; c < channels; c++, x += n, y += n) {
    V factor = SPLAT(factors[c]);
    int i = 0;
    for (; i + 4 <= n; i += 4) STORE(y + i, MUL(LOAD(x + i), factor));
    for (; i < n; i++) y[i] = x[i] * factors[c];
  }
}

// The mean of each plane.
EXPORT(pool) void pool(const float *x, float *y, int channels, int n) {
  for (int c = 0; c < channels; c++, x += n) {
    V sum = SPLAT(0.f);
    int i = 0;
    for (; i + 4 <= n; i += 4) sum = ADD(sum, LOAD(x + i));
    float total = wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1);
    total += wasm_f32x4_extract_lane(sum, 2) + wasm_f32x4_extract_lane(sum, 3);
    for (; i < n; i++) total += x[i];
    y[c] = total / n;
  }
}

static void point_one(const float *x, float *y, const float *w, float b, int inputs, int n, int p, int activation) {
  float sum = b;
  for (int i = 0; i < inputs; i++) sum += w[i] * x[i * n + p];
  y[p] = activate_one(sum, activation);
}

// Four outputs of a 1 x 1 convolution, eight pixels at a time.
static void point_four(const float *x, float *y, const float *w, const float *b, int inputs, int n, int activation) {
  int p = 0;
  for (; p + 8 <= n; p += 8) {
    V left[4], right[4];
    for (int k = 0; k < 4; k++) left[k] = right[k] = SPLAT(b[k]);
    const float *q = x + p;
    for (int i = 0; i < inputs; i++, q += n) {
      V l = LOAD(q), r = LOAD(q + 4);
      for (int k = 0; k < 4; k++) {
        V weight = wasm_v128_load32_splat(w + k * inputs + i);
        left[k] = ADD(left[k], MUL(l, weight));
        right[k] = ADD(right[k], MUL(r, weight));
      }
    }
    for (int k = 0; k < 4; k++) {
      STORE(y + k * n + p, activate(left[k], activation));
      STORE(y + k * n + p + 4, activate(right[k], activation));
    }
  }
  for (; p < n; p++)
    for (int k = 0; k < 4; k++) point_one(x, y + k * n, w + k * inputs, b[k], inputs, n, p, activation);
}

// Convolution 1 x 1; w is (outputs, inputs).
EXPORT(point) void point(const float *x, float *y, const float *w, const float *b, int inputs, int outputs, int n,
                         int activation) {
  int o = 0;
  for (; o + 4 <= outputs; o += 4) point_four(x, y + o * n, w + o * inputs, b + o, inputs, n, activation);
  for (; o < outputs; o++)
    for (int p = 0; p < n; p++) point_one(x, y + o * n, w + o * inputs, b[o], inputs, n, p, activation);
}

// A geometry: input and output size, kernel, stride, what is padded above and on the left.
typedef struct {
  int height, width, kernel, stride, top, left, out_height, out_width;
} Window;

static int larger(int a, int b) { return a > b ? a : b; }
static int padded_width(const Window *g) { return larger((g->out_width - 1) * g->stride + g->kernel, g->width + g->left); }
static int padded_height(const Window *g) { return larger((g->out_height - 1) * g->stride + g->kernel, g->height + g->top); }

// Copies a plane into a frame of zeros.
static void pad(const float *x, float *t, const Window *g) {
  int width = padded_width(g), size = padded_height(g) * width;
  for (int i = 0; i < size + 8; i += 4) STORE(t + i, SPLAT(0.f));
  for (int r = 0; r < g->height; r++) {
    float *row = t + (r + g->top) * width + g->left;
    int i = 0;
    for (; i + 4 <= g->width; i += 4) STORE(row + i, LOAD(x + r * g->width + i));
    for (; i < g->width; i++) row[i] = x[r * g->width + i];
  }
}

static inline V strided(const float *q, int stride) { return stride == 1 ? LOAD(q) : EVEN(LOAD(q), LOAD(q + 4)); }

// One plane of a depthwise convolution. A row runs over its end; the next one puts that right.
static inline void depthwise_plane(const float *t, float *y, const float *w, float b, const Window *g, int kernel,
                                   int stride, int activation) {
  int width = padded_width(g);
  for (int r = 0; r < g->out_height; r++, y += g->out_width)
    for (int p = 0; p < g->out_width; p += 4) {
      V sum = SPLAT(b);
      for (int i = 0; i < kernel; i++)
        for (int j = 0; j < kernel; j++) {
          V value = strided(t + (r * stride + i) * width + p * stride + j, stride);
          sum = ADD(sum, MUL(value, wasm_v128_load32_splat(w + i * kernel + j)));
        }
      STORE(y + p, activate(sum, activation));
    }
}

// Depthwise convolution, stride 1 or 2; w is (channels, kernel, kernel), t has room for one padded plane.
EXPORT(depthwise) void depthwise(const float *x, float *y, const float *w, const float *b, float *t, int channels,
                                 int height, int width, int kernel, int stride, int top, int left, int out_height,
                                 int out_width, int activation) {
  Window g = {height, width, kernel, stride, top, left, out_height, out_width};
  for (int c = 0; c < channels; c++) {
    pad(x + c * height * width, t, &g);
    float *plane = y + c * out_height * out_width;
    const float *weights = w + c * kernel * kernel;
    if (kernel == 3 && stride == 1) depthwise_plane(t, plane, weights, b[c], &g, 3, 1, activation);
    else if (kernel == 3) depthwise_plane(t, plane, weights, b[c], &g, 3, 2, activation);
    else if (kernel == 5 && stride == 1) depthwise_plane(t, plane, weights, b[c], &g, 5, 1, activation);
    else if (kernel == 5) depthwise_plane(t, plane, weights, b[c], &g, 5, 2, activation);
    else depthwise_plane(t, plane, weights, b[c], &g, kernel, stride, activation);
  }
}

// Up to four outputs of a dense convolution at row r and columns p to p + 3; t holds all padded inputs.
static inline void dense_at(const float *t, int plane, V sums[4], const float *w, int inputs, int outputs,
                            const Window *g, int r, int p) {
  int width = padded_width(g), area = g->kernel * g->kernel;
  for (int c = 0; c < inputs; c++, t += plane)
    for (int i = 0; i < g->kernel; i++)
      for (int j = 0; j < g->kernel; j++) {
        V value = strided(t + (r * g->stride + i) * width + p * g->stride + j, g->stride);
        const float *weight = w + c * area + i * g->kernel + j;
        for (int k = 0; k < outputs; k++)
          sums[k] = ADD(sums[k], MUL(value, SPLAT(weight[k * inputs * area])));
      }
}

// Convolution, stride 1 or 2; w is (outputs, inputs, kernel, kernel), t has room for all inputs, padded.
EXPORT(dense) void dense(const float *x, float *y, const float *w, const float *b, float *t, int inputs, int outputs,
                         int height, int width, int kernel, int stride, int top, int left, int out_height,
                         int out_width, int activation) {
  Window g = {height, width, kernel, stride, top, left, out_height, out_width};
  int plane = padded_height(&g) * padded_width(&g) + 8, area = out_height * out_width;
  for (int c = 0; c < inputs; c++) pad(x + c * height * width, t + c * plane, &g);
  for (int o = 0; o < outputs; o += 4) {
    int n = outputs - o < 4 ? outputs - o : 4;
    for (int r = 0; r < out_height; r++)
      for (int p = 0; p < out_width; p += 4) {
        V sums[4];
        for (int k = 0; k < n; k++) sums[k] = SPLAT(b[o + k]);
        dense_at(t, plane, sums, w + o * inputs * kernel * kernel, inputs, n, &g, r, p);
        for (int k = 0; k < n; k++) {
          float *to = y + (o + k) * area + r * out_width + p, values[4];
          STORE(values, activate(sums[k], activation));
          for (int i = 0; i < 4 && p + i < out_width; i++) to[i] = values[i];
        }
      }
  }
}

// Twice as large, bilinear, half-pixel centres; t has room for a row.
EXPORT(enlarge) void enlarge(const float *x, float *y, float *t, int channels, int height, int width) {
  float *row = t + 4;
  for (int r = 0; r < 2 * channels * height; r++, y += 2 * width) {
    int i = r / 2 % height, near = r & 1 ? (i + 1 < height ? i + 1 : i) : (i ? i - 1 : 0);
    const float *a = x + r / (2 * height) * height * width + i * width, *b = a + (near - i) * width;
    int p = 0;
    for (; p + 4 <= width; p += 4) STORE(row + p, ADD(MUL(LOAD(a + p), SPLAT(.75f)), MUL(LOAD(b + p), SPLAT(.25f))));
    for (; p < width; p++) row[p] = .75f * a[p] + .25f * b[p];
    row[-1] = row[0];
    row[width] = row[width - 1];
    for (p = 0; p < width; p += 4) {
      V middle = MUL(LOAD(row + p), SPLAT(.75f));
      V even = ADD(middle, MUL(LOAD(row + p - 1), SPLAT(.25f))), odd = ADD(middle, MUL(LOAD(row + p + 1), SPLAT(.25f)));
      STORE(y + 2 * p, wasm_i32x4_shuffle(even, odd, 0, 4, 1, 5));
      STORE(y + 2 * p + 4, wasm_i32x4_shuffle(even, odd, 2, 6, 3, 7));
    }
  }
}

// Four pixels of a row, each of which a transposed convolution makes two of, in the output's row `below`.
static inline void transpose_at(const float *x, float *y, const float *w, float b, int inputs, int outputs, int n,
                                int below, int activation) {
  V even = SPLAT(b), odd = even;
  for (int i = 0; i < inputs; i++, x += n, w += 4 * outputs) {
    even = ADD(even, MUL(LOAD(x), SPLAT(w[2 * below])));
    odd = ADD(odd, MUL(LOAD(x), SPLAT(w[2 * below + 1])));
  }
  even = activate(even, activation), odd = activate(odd, activation);
  STORE(y, wasm_i32x4_shuffle(even, odd, 0, 4, 1, 5));
  STORE(y + 4, wasm_i32x4_shuffle(even, odd, 2, 6, 3, 7));
}

// Transposed convolution 2 x 2, stride 2; w is (inputs, outputs, 2, 2).
EXPORT(transpose) void transpose(const float *x, float *y, const float *w, const float *b, int inputs, int outputs,
                                 int height, int width, int activation) {
  for (int o = 0; o < outputs; o++)
    for (int r = 0; r < 2 * height; r++, y += 2 * width)
      for (int p = 0; p < width; p += 4)
        transpose_at(x + r / 2 * width + p, y + 2 * p, w + 4 * o, b[o], inputs, outputs, height * width, r & 1, activation);
}
