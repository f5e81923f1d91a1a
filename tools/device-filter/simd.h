// 128-bit SIMD of WebAssembly by short names, and activations. No libc.
#pragma once
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define LOAD wasm_v128_load
#define STORE wasm_v128_store
#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define MUL wasm_f32x4_mul
#define EVEN(a, b) wasm_i32x4_shuffle(a, b, 0, 2, 4, 6)

typedef unsigned char byte;
typedef v128_t V;

// As in ACTIVATIONS of network.js.
enum { NONE, RELU, RELU6, HARD_SWISH, HARD_SIGMOID, SIGMOID };

// exp(x), as 2^k times a polynomial (Cephes, expf.c); relative error below 2e-7 in [-80, 80], where it is clamped.
static inline V exponential(V x) {
  x = wasm_f32x4_max(wasm_f32x4_min(x, SPLAT(80.f)), SPLAT(-80.f));
  V k = wasm_f32x4_nearest(MUL(x, SPLAT(1.44269504f)));
  V r = wasm_f32x4_sub(x, MUL(k, SPLAT(0.693359375f)));
  r = ADD(r, MUL(k, SPLAT(2.12194440e-4f)));
  V p = SPLAT(1.9875691500e-4f);
  p = ADD(MUL(p, r), SPLAT(1.3981999507e-3f));
  p = ADD(MUL(p, r), SPLAT(8.3334519073e-3f));
  p = ADD(MUL(p, r), SPLAT(4.1665795894e-2f));
  p = ADD(MUL(p, r), SPLAT(1.6666665459e-1f));
  p = ADD(MUL(p, r), SPLAT(5.0000001201e-1f));
  p = ADD(ADD(MUL(MUL(p, r), r), r), SPLAT(1.f));
  V power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(k), wasm_i32x4_splat(127)), 23);
  return MUL(p, power);
}

static inline V clamp(V x, float low, float high) {
  return wasm_f32x4_min(wasm_f32x4_max(x, SPLAT(low)), SPLAT(high));
}

static inline V hard_sigmoid(V x) { return clamp(ADD(MUL(x, SPLAT(1.f / 6)), SPLAT(.5f)), 0, 1); }

static inline V activate(V x, int activation) {
  switch (activation) {
    case RELU: return wasm_f32x4_max(x, SPLAT(0.f));
    case RELU6: return clamp(x, 0, 6);
    case HARD_SWISH: return MUL(x, hard_sigmoid(x));
    case HARD_SIGMOID: return hard_sigmoid(x);
    case SIGMOID: return wasm_f32x4_div(SPLAT(1.f), ADD(SPLAT(1.f), exponential(wasm_f32x4_neg(x))));
    default: return x;
  }
}

static inline float activate_one(float x, int activation) {
  return wasm_f32x4_extract_lane(activate(SPLAT(x), activation), 0);
}
