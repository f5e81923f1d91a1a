/* The arrays of one call from Python: what they are is checked here, before any kernel sees them. */

enum { MAX_ARRAYS = 12 };

/* The arrays of one call; `suitable` is 0 where one of them is laid out as no kernel takes it. */
typedef struct {
    Py_buffer views[MAX_ARRAYS];
    int count, suitable;
} Arrays;

static void release(Arrays *arrays)
{
    while (arrays->count)
        PyBuffer_Release(&arrays->views[--arrays->count]);
}

/* Take the next array; return 0 and set an error where it isn't of the type ('B' or 'f') or has not two dimensions. */
static int take(Arrays *arrays, PyObject *object, char type, int writable)
{
    Py_buffer *view = &arrays->views[arrays->count];
    if (PyObject_GetBuffer(object, view, PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return 0;
    arrays->count++;
    if (view->ndim != 2 || !view->format || view->format[0] != type || view->format[1]) {
        PyErr_Format(PyExc_TypeError, "argument %d must be an array of %s with 2 dimensions", arrays->count,
                     type == 'B' ? "uint8" : "float32");
        return 0;
    }
    Py_ssize_t height = view->shape[0], width = view->shape[1], size = view->itemsize;
    if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE || (width > 1 && view->strides[1] != size)
        || (height > 1 && (view->strides[0] < width * size || view->strides[0] % size)))
        arrays->suitable = 0;
    return 1;
}

/* Take `count` arrays of bytes, the last `outputs` of which are written. */
static int take_bytes(Arrays *arrays, PyObject *const *objects, int count, int outputs)
{
    for (int i = 0; i < count; i++)
        if (!take(arrays, objects[i], 'B', i >= count - outputs))
            return 0;
    return 1;
}

static ptrdiff_t step(const Py_buffer *view) { return view->shape[0] > 1 ? view->strides[0] / view->itemsize : 0; }

static Plane plane(const Arrays *arrays, int i)
{
    const Py_buffer *view = &arrays->views[i];
    return (Plane){view->buf, step(view), (int)view->shape[1], (int)view->shape[0]};
}

static Alpha alpha(const Arrays *arrays, int i)
{
    const Py_buffer *view = &arrays->views[i];
    return (Alpha){view->buf, step(view), (int)view->shape[1], (int)view->shape[0]};
}

static Planes planes(const Arrays *arrays, int i)
{
    return (Planes){plane(arrays, i), plane(arrays, i + 1), plane(arrays, i + 2)};
}

/* Check that array i is `width` x `height`; else set an error. */
static int sized(const Arrays *arrays, int i, Py_ssize_t width, Py_ssize_t height)
{
    const Py_ssize_t *shape = arrays->views[i].shape;
    if (shape[1] == width && shape[0] == height)
        return 1;
    PyErr_Format(PyExc_ValueError, "argument %d is %zdx%zd, not %zdx%zd", i + 1, shape[1], shape[0], width, height);
    return 0;
}

/* Check that arrays first to last - 1 have the size of array 0. */
static int same_size(const Arrays *arrays, int first, int last)
{
    for (int i = first; i < last; i++)
        if (!sized(arrays, i, arrays->views[0].shape[1], arrays->views[0].shape[0]))
            return 0;
    return 1;
}

/* Check that arrays i, i + 1 and i + 2 are the planes of a 4:2:0 picture of the size of array 0. */
static int pictured(const Arrays *arrays, int i)
{
    Py_ssize_t width = arrays->views[0].shape[1], height = arrays->views[0].shape[0];
    Py_ssize_t half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    return sized(arrays, i, width, height) && sized(arrays, i + 1, half_width, half_height)
        && sized(arrays, i + 2, half_width, half_height);
}

static int overlap(const Py_buffer *a, const Py_buffer *b)
{
    uintptr_t first = (uintptr_t)a->buf, second = (uintptr_t)b->buf;
    uintptr_t first_end = first + (a->shape[0] - 1) * a->strides[0] + a->shape[1] * a->itemsize;
    uintptr_t second_end = second + (b->shape[0] - 1) * b->strides[0] + b->shape[1] * b->itemsize;
    return first < second_end && second < first_end;
}

/* Whether the kernels take these arrays: each is suitable, and the last `outputs` share no memory with the others. */
static int takes(const Arrays *arrays, int outputs)
{
    if (!arrays->suitable)
        return 0;
    int inputs = arrays->count - outputs;
    for (int i = inputs; i < arrays->count; i++)
        for (int k = 0; k < inputs; k++)
            if (overlap(&arrays->views[i], &arrays->views[k]))
                return 0;
    return 1;
}
