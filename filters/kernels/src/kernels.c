/* All kernels for one instruction set, that of the compiler's options; VARIANT is its name. */

#include "kernels.h"

#include <math.h>
#include <string.h>

#include "arithmetic.h"
#include "box_mean.h"
#include "blur.h"
#include "composite.h"
#include "crop.h"
#include "guide.h"
#include "matte.h"
#include "motion.h"
#include "network.h"
#include "own_colours.h"
#include "room.h"
#include "unmix.h"

#define NAMED_(variant) kernels_##variant
#define NAMED(variant) NAMED_(variant)
#define TEXT_(variant) #variant
#define TEXT(variant) TEXT_(variant)

const Kernels NAMED(VARIANT) = {
    .name = TEXT(VARIANT),
    .composite = composite,
    .composite_crop_scratch = composite_crop_scratch,
    .composite_crop = composite_crop,
    .own_colours_scratch = own_colours_scratch,
    .own_colours = own_colours,
    .enlarge_scratch = enlarge_scratch,
    .enlarge = enlarge,
    .quantize = quantize,
    .smooth_scratch = smooth_scratch,
    .smooth = smooth,
    .room_distance = room_distance,
    .room_correct_scratch = room_correct_scratch,
    .room_correct = room_correct,
    .guide_scratch = guide_scratch,
    .guide = guide,
    .unmix_scratch = unmix_scratch,
    .unmix = unmix,
    .track_scratch = track_scratch,
    .track = track,
    .warp = warp,
    .surprise_scratch = surprise_scratch,
    .surprise = surprise,
    .to_network_scratch = to_network_scratch,
    .to_network = to_network,
    .cells_scratch = cells_scratch,
    .cells = cells,
    .fill_scratch = fill_scratch,
    .fill = fill,
};
