/* The Python module: checks what is given, releases the interpreter's lock, and calls the kernels.
 *
 * Every function takes arrays of two dimensions, uint8 or float32, writes the last of them and returns True. It returns
 * False, having written nothing, where a kernel doesn't take what is given (rows that aren't contiguous, no pixels at
 * all, outputs that share memory with inputs, sizes that the kernel isn't for); the caller then does it another way.
 * It raises TypeError or ValueError where arrays have another type, number of dimensions or size than they must.
 */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "arrays.h"

#if defined(__x86_64__)
#define VARIANTS &kernels_avx2, &kernels_baseline
extern const Kernels kernels_avx2;
#else
#define VARIANTS &kernels_baseline
#endif
extern const Kernels kernels_baseline;

static const Kernels *const variants[] = {VARIANTS};
static const Kernels *kernels;

static int runs_here(const Kernels *variant)
{
#if defined(__x86_64__)
    if (variant == &kernels_avx2)
        return __builtin_cpu_supports("avx2");
#endif
    return variant == &kernels_baseline;
}

FUNCTION(composite)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    if (counted("composite", count, 10) && take_bytes(&a, given, 10, 3) && pictured(&a, 0) && same_size(&a, 3, 4)
        && pictured(&a, 4) && pictured(&a, 7) && takes(&a, 3))
        RUN(1, kernels->composite(planes(&a, 0), plane(&a, 3), planes(&a, 4), planes(&a, 7)));
    return answer(&a, done);
}

FUNCTION(composite_crop)
{
    Arrays a = {.suitable = 1};
    float part[3];
    int done = 0, fine = counted("composite_crop", count, 14) && take_bytes(&a, given, 7, 0);
    for (int i = 0; fine && i < 3; i++)
        fine = number(given[7 + i], &part[i]);
    if (fine && take_bytes(&a, given + 10, 4, 4) && pictured(&a, 0) && same_size(&a, 3, 4) && pictured(&a, 4)
        && pictured(&a, 7) && same_size(&a, 10, 11)) {
        int inside = part[0] >= 0 && part[0] <= 1 && part[1] >= 0 && part[1] <= 1 && part[2] > 0 && part[2] <= 1;
        if (inside && takes(&a, 4))
            RUN(kernels->composite_crop_scratch((int)a.views[0].shape[1], (int)a.views[0].shape[0]),
                kernels->composite_crop(planes(&a, 0), plane(&a, 3), planes(&a, 4), part, planes(&a, 7), plane(&a, 10),
                                        scratch));
    }
    return answer(&a, done);
}

FUNCTION(own_colours)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    if (counted("own_colours", count, 8) && take_bytes(&a, given, 7, 3) && pictured(&a, 0) && same_size(&a, 3, 4)
        && pictured(&a, 4)) {
        long factor = PyLong_AsLong(given[7]);
        Plane luma = plane(&a, 0), chroma = plane(&a, 1);
        int even = luma.width % 2 == 0 && luma.height % 2 == 0;
        if (!PyErr_Occurred() && even && (factor == 1 || factor == 2) && chroma.width >= 2 * factor && chroma.height >= 2 * factor && takes(&a, 3))
            RUN(kernels->own_colours_scratch(luma.width, luma.height),
                kernels->own_colours(planes(&a, 0), plane(&a, 3), planes(&a, 4), (int)factor, scratch));
    }
    return answer(&a, done);
}

FUNCTION(enlarge)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    float gain, offset;
    if (counted("enlarge", count, 4) && take(&a, given[0], 'B', 0) && number(given[1], &gain) && number(given[2], &offset)
        && take(&a, given[3], 'B', 1) && sized(&a, 1, 2 * a.views[0].shape[1], 2 * a.views[0].shape[0]) && takes(&a, 1))
        RUN(kernels->enlarge_scratch((int)a.views[0].shape[1]),
            kernels->enlarge(plane(&a, 0), gain, offset, plane(&a, 1), scratch));
    return answer(&a, done);
}

FUNCTION(quantize)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    float scale;
    if (counted("quantize", count, 3) && take(&a, given[0], 'f', 0) && number(given[1], &scale)
        && take(&a, given[2], 'B', 1) && same_size(&a, 1, 2) && takes(&a, 1))
        RUN(1, kernels->quantize(alpha(&a, 0), scale, plane(&a, 1)));
    return answer(&a, done);
}

FUNCTION(smooth)
{
    static const char types[] = "ffBBffff";
    Arrays a = {.suitable = 1};
    Smoothing s;
    int done = 0, fine = counted("smooth", count, 12);
    for (int i = 0; fine && i < 8; i++)
        fine = take(&a, given[i < 6 ? i : i + 4], types[i], i >= 6);
    if (fine && number(given[6], &s.past) && number(given[7], &s.future) && number(given[8], &s.still)
        && number(given[9], &s.moving) && same_size(&a, 1, 8) && takes(&a, 2))
        RUN(kernels->smooth_scratch((int)a.views[0].shape[1], (int)a.views[0].shape[0]),
            kernels->smooth(alpha(&a, 0), alpha(&a, 1), plane(&a, 2), plane(&a, 3), alpha(&a, 4), alpha(&a, 5), s,
                            alpha(&a, 6), alpha(&a, 7), scratch));
    return answer(&a, done);
}

FUNCTION(room_distance)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    if (counted("room_distance", count, 8) && take_bytes(&a, given, 8, 2) && same_size(&a, 1, 8) && takes(&a, 2))
        RUN(1, kernels->room_distance(planes(&a, 0), planes(&a, 3), plane(&a, 6), plane(&a, 7)));
    return answer(&a, done);
}

/* Copy a table of 256 bytes; return 0 and set an error where it is another. */
static int table(PyObject *object, uint8_t out[256])
{
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, PyBUF_SIMPLE) < 0)
        return 0;
    int fits = view.len == 256;
    if (fits)
        memcpy(out, view.buf, 256);
    else
        PyErr_SetString(PyExc_ValueError, "a table must have 256 bytes");
    PyBuffer_Release(&view);
    return fits;
}

FUNCTION(room_correct)
{
    Arrays a = {.suitable = 1};
    uint8_t tables[3][256];
    RoomRules rules = {.evidence = tables[0], .logit = tables[1], .probability = tables[2]};
    float trusted, doubt;
    int done = 0;
    if (counted("room_correct", count, 15) && take_bytes(&a, given, 6, 0) && take(&a, given[14], 'B', 1)
        && same_size(&a, 1, 7) && table(given[6], tables[0]) && table(given[7], tables[1]) && table(given[8], tables[2])
        && number(given[9], &rules.different) && number(given[10], &rules.shadow_depth)
        && number(given[11], &rules.shadow_chroma) && number(given[12], &trusted) && number(given[13], &doubt)) {
        int fine = rules.different >= 0 && rules.shadow_chroma >= 0 && rules.shadow_depth >= 0 && rules.shadow_depth <= 1
            && trusted >= 0 && trusted <= 255 && doubt >= 0 && doubt <= 255;
        rules.trusted = fine ? (int)trusted : 0;
        rules.doubt = fine ? (int)doubt : 0;
        if (fine && takes(&a, 1))
            RUN(kernels->room_correct_scratch((int)a.views[0].shape[1], (int)a.views[0].shape[0]),
                kernels->room_correct(plane(&a, 0), plane(&a, 1), plane(&a, 2), plane(&a, 3), plane(&a, 4), plane(&a, 5),
                                      &rules, plane(&a, 6), scratch));
    }
    return answer(&a, done);
}

FUNCTION(guide)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    float epsilon;
    if (counted("guide", count, 4) && take_bytes(&a, given, 2, 0) && number(given[2], &epsilon)
        && take(&a, given[3], 'B', 1) && same_size(&a, 1, 3)) {
        Plane luma = plane(&a, 0);
        if (epsilon > 0 && luma.width % 2 == 0 && luma.height % 2 == 0 && takes(&a, 1))
            RUN(kernels->guide_scratch(luma.width, luma.height),
                kernels->guide(luma, plane(&a, 1), epsilon, plane(&a, 2), scratch));
    }
    return answer(&a, done);
}

/* The eight numbers of unmix; return 0 and set an error where they aren't. `fine` is 0 where no kernel takes them. */
static int unmix_rules(PyObject *const *objects, UnmixRules *rules, int *fine)
{
    float levels[4];
    for (int i = 0; i < 4; i++)
        if (!number(objects[i], &levels[i]))
            return 0;
    *fine = levels[0] >= 1 && levels[1] > levels[0] && levels[1] <= 254 && levels[2] >= 0 && levels[3] >= levels[2]
        && levels[3] <= 255;
    if (*fine) {
        rules->room = (int)levels[0];
        rules->person = (int)levels[1];
        rules->low = (int)levels[2];
        rules->high = (int)levels[3];
    }
    return number(objects[4], &rules->contrast) && number(objects[5], &rules->trust) && number(objects[6], &rules->least)
        && number(objects[7], &rules->chroma_weight);
}

FUNCTION(unmix)
{
    Arrays a = {.suitable = 1};
    UnmixRules rules;
    int done = 0, fine = 0;
    if (counted("unmix", count, 14) && take_bytes(&a, given, 5, 0) && unmix_rules(given + 5, &rules, &fine)
        && take(&a, given[13], 'B', 1) && same_size(&a, 1, 6)) {
        Plane luma = plane(&a, 0);
        if (fine && luma.width % 4 == 0 && luma.height % 4 == 0 && takes(&a, 1))
            RUN(kernels->unmix_scratch(luma.width, luma.height),
                kernels->unmix(planes(&a, 0), plane(&a, 3), plane(&a, 4), &rules, plane(&a, 5), scratch));
    }
    return answer(&a, done);
}

/* The two numbers of a motion's or another pair; return 0 and set an error where they aren't. */
static int pair(PyObject *const *objects, float out[2]) { return number(objects[0], out) && number(objects[1], out + 1); }

FUNCTION(track)
{
    Arrays a = {.suitable = 1};
    float stiffness[2];
    int done = 0;
    if (counted("track", count, 6) && take_bytes(&a, given, 3, 0) && take(&a, given[5], 'f', 1) && pair(given + 3, stiffness)
        && same_size(&a, 1, 3) && sized(&a, 3, 3, 2) && takes(&a, 1))
        RUN(kernels->track_scratch((int)a.views[0].shape[1]),
            kernels->track(plane(&a, 0), plane(&a, 1), plane(&a, 2), stiffness, alpha(&a, 3), scratch));
    return answer(&a, done);
}

FUNCTION(warp)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    if (counted("warp", count, 3) && take(&a, given[0], 'B', 0) && take(&a, given[1], 'f', 0) && take(&a, given[2], 'B', 1)
        && sized(&a, 1, 3, 2) && same_size(&a, 2, 3) && takes(&a, 1))
        RUN(1, kernels->warp(plane(&a, 0), alpha(&a, 1), plane(&a, 2)));
    return answer(&a, done);
}

FUNCTION(surprise)
{
    Arrays a = {.suitable = 1};
    float levels[2], sure[2];
    int done = 0;
    if (counted("surprise", count, 10) && take_bytes(&a, given, 3, 0) && take(&a, given[3], 'f', 0)
        && take(&a, given[4], 'f', 0) && take(&a, given[9], 'f', 1) && pair(given + 5, levels) && pair(given + 7, sure)
        && same_size(&a, 1, 3) && sized(&a, 3, 3, 2) && sized(&a, 4, 3, 2) && sized(&a, 5, 3, 1)
        && sure[0] >= 0 && sure[0] <= sure[1] && sure[1] <= 255 && takes(&a, 1))
        RUN(kernels->surprise_scratch((int)a.views[0].shape[1], (int)a.views[0].shape[0]),
            kernels->surprise(plane(&a, 0), plane(&a, 1), plane(&a, 2), alpha(&a, 3), alpha(&a, 4), levels, (int)sure[0],
                              (int)sure[1], alpha(&a, 5), scratch));
    return answer(&a, done);
}

FUNCTION(to_network)
{
    Arrays a = {.suitable = 1};
    float gain[3], bias[3];
    int done = 0, fine = counted("to_network", count, 10) && take_bytes(&a, given, 3, 0) && take(&a, given[9], 'f', 1);
    for (int i = 0; fine && i < 3; i++)
        fine = number(given[3 + i], &gain[i]) && number(given[6 + i], &bias[i]);
    if (fine && pictured(&a, 0) && sized(&a, 3, a.views[0].shape[1], 3 * a.views[0].shape[0])) {
        Planes source = planes(&a, 0);
        if (source.y.width % 2 == 0 && source.y.height % 2 == 0 && takes(&a, 1))
            RUN(kernels->to_network_scratch(source.y.width), kernels->to_network(source, gain, bias, alpha(&a, 3), scratch));
    }
    return answer(&a, done);
}

FUNCTION(cells)
{
    Arrays a = {.suitable = 1};
    int done = 0;
    if (counted("cells", count, 5) && take(&a, given[0], 'B', 0) && take(&a, given[4], 'B', 1)) {
        long halvings = PyLong_AsLong(given[1]), cell = PyLong_AsLong(given[2]), side = PyLong_AsLong(given[3]);
        Plane source = plane(&a, 0), out = plane(&a, 1);
        int fine = !PyErr_Occurred() && halvings >= 0 && halvings < 14 && cell >= 1 && cell <= MAX_CELL
            && (side == 1 || side == 3 || side == 5);
        if (fine && out.width * cell <= source.width >> halvings && out.height * cell <= source.height >> halvings
            && takes(&a, 1))
            RUN(kernels->cells_scratch(source.width, source.height),
                kernels->cells(source, (int)halvings, (int)cell, (int)side, out, scratch));
    }
    return answer(&a, done);
}

FUNCTION(fill)
{
    Arrays a = {.suitable = 1};
    Filling f;
    int done = 0;
    if (counted("fill", count, 13) && take_bytes(&a, given, 3, 0) && take(&a, given[3], 'f', 0) && take(&a, given[4], 'f', 0)
        && take_bytes(&a, given + 10, 3, 3) && same_size(&a, 1, 4) && same_size(&a, 5, 8)
        && sized(&a, 4, a.views[4].shape[1], 1) && number(given[5], &f.prior) && number(given[6], &f.grey[0])
        && number(given[7], &f.grey[1]) && number(given[8], &f.grey[2]) && number(given[9], &f.grey_weight)) {
        f.taps = a.views[4].buf;
        f.count = (int)a.views[4].shape[1];
        if (f.count <= MAX_TAPS && f.count % 2 && takes(&a, 3))
            RUN(kernels->fill_scratch((int)a.views[0].shape[1], (int)a.views[0].shape[0]),
                kernels->fill(planes(&a, 0), alpha(&a, 3), &f, planes(&a, 5), scratch));
    }
    return answer(&a, done);
}

/* Use the variant of this name; return whether the processor knows it. For tests: the best one is in use already. */
static PyObject *py_use(PyObject *Py_UNUSED(module), PyObject *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        int same = PyUnicode_CompareWithASCIIString(name, variants[i]->name) == 0;
        if (same && runs_here(variants[i])) {
            kernels = variants[i];
            Py_RETURN_TRUE;
        }
    }
    Py_RETURN_FALSE;
}

static PyObject *py_variant(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    return PyUnicode_FromString(kernels->name);
}

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}

static PyMethodDef methods[] = {
    METHOD(composite), METHOD(composite_crop), METHOD(own_colours), METHOD(enlarge), METHOD(quantize), METHOD(smooth), METHOD(room_distance),
    METHOD(room_correct), METHOD(guide), METHOD(unmix), METHOD(track), METHOD(warp), METHOD(surprise), METHOD(to_network), METHOD(cells), METHOD(fill), {"use", py_use, METH_O, NULL}, {"variant", py_variant, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int start(PyObject *module)
{
    for (size_t i = 0; !kernels; i++)
        if (runs_here(variants[i]))
            kernels = variants[i];
    return PyModule_AddStringConstant(module, "SOURCE", SOURCE);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_native", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
