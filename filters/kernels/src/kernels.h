/* The filter's loops over pixels, each one pass where OpenCV and numpy need several.
 *
 * kernels.c is compiled once for every instruction set (VARIANT); module.c checks what Python gives, picks the best
 * set that the processor knows and calls through its table. Nothing here allocates or checks: `scratch` is as large as
 * the function of the same name with _scratch says, and sizes are as each comment states. Each kernel returns whether it
 * has written anything.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { MAX_CELL = 16, MAX_TAPS = 31 };
enum { MAX_SIDE = 1 << 14 }; /* pixels; so no product of two sides and a level exceeds an int32 */

typedef struct {
    uint8_t *data;
    ptrdiff_t stride; /* bytes from row to row */
    int width, height;
} Plane;

typedef struct {
    float *data;
    ptrdiff_t stride; /* floats from row to row */
    int width, height;
} Alpha;

typedef struct { Plane y, u, v; } Planes;

/* Weights of the past and the future, and between which mean differences of luma a pixel is still and moving. */
typedef struct { float past, future, still, moving; } Smoothing;

typedef struct {
    const uint8_t *evidence, *logit, *probability; /* tables of 256 */
    float different, shadow_depth, shadow_chroma;
    int trusted, doubt;
} RoomRules;

/* See filters/matting/unmixing.py for what each is; levels, but for the last three. */
typedef struct {
    int room, person, low, high;
    float contrast, trust, least, chroma_weight;
} UnmixRules;

/* What fill() takes beside its pixels: a Gaussian's taps (an odd number of them), the weight of the mean, and of grey. */
typedef struct {
    const float *taps;
    int count;
    float prior, grey[3], grey_weight;
} Filling;

typedef struct {
    const char *name;
    int (*composite)(Planes source, Plane alpha, Planes background, Planes out);
    size_t (*composite_crop_scratch)(int width, int height);
    int (*composite_crop)(Planes source, Plane alpha, Planes background, const float part[3], Planes out, Plane shown,
                          void *scratch);
    size_t (*own_colours_scratch)(int width, int height);
    int (*own_colours)(Planes source, Plane alpha, Planes out, int factor, void *scratch);
    size_t (*enlarge_scratch)(int width);
    int (*enlarge)(Plane matte, float gain, float offset, Plane out, void *scratch);
    int (*quantize)(Alpha values, float scale, Plane out);
    size_t (*smooth_scratch)(int width, int height);
    int (*smooth)(Alpha current, Alpha after, Plane luma, Plane luma_after, Alpha mean, Alpha still_before,
                   Smoothing smoothing, Alpha out, Alpha still, void *scratch);
    int (*room_distance)(Planes seen, Planes known, Plane distance, Plane chroma);
    size_t (*room_correct_scratch)(int width, int height);
    int (*room_correct)(Plane luma, Plane known, Plane matte, Plane distance, Plane chroma, Plane count,
                         const RoomRules *rules, Plane out, void *scratch);
    size_t (*guide_scratch)(int width, int height);
    int (*guide)(Plane luma, Plane matte, float epsilon, Plane out, void *scratch);
    size_t (*unmix_scratch)(int width, int height);
    int (*unmix)(Planes seen, Plane matte, Plane guided, const UnmixRules *rules, Plane out, void *scratch);
    size_t (*track_scratch)(int width);
    int (*track)(Plane reference, Plane picture, Plane weights, const float stiffness[2], Alpha out, void *scratch);
    int (*warp)(Plane plane, Alpha motion, Plane out);
    size_t (*surprise_scratch)(int width, int height);
    int (*surprise)(Plane luma, Plane reference, Plane matte, Alpha person_motion, Alpha camera_motion,
                    const float levels[2], int sure_room, int sure_person, Alpha out, void *scratch);
    size_t (*to_network_scratch)(int width);
    int (*to_network)(Planes source, const float gain[3], const float bias[3], Alpha out, void *scratch);
    size_t (*cells_scratch)(int width, int height);
    int (*cells)(Plane plane, int halvings, int cell, int side, Plane out, void *scratch);
    size_t (*fill_scratch)(int width, int height);
    int (*fill)(Planes colour, Alpha weight, const Filling *filling, Planes out, void *scratch);
} Kernels;

#endif
