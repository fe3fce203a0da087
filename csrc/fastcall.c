/* The short way for plain arrays: what the ufunc's vectorcall slot answers without NumPy's machinery.
 *
 * Exact ndarrays of one dtype that is a row, and `out=`. Operands of one shape are taken as they are; those that
 * broadcast or overlap as NumPy's iterator lays them out, which takes as long as a thousand elements. Everything
 * else, and every error, is NumPy's. */
#include "numpy_api.h"

static vectorcallfunc numpy_call;

static PyObject *out_name; /* interned, as the names of keywords are */

/* Whether the keywords are none, or `out` alone. */
INLINE int is_plain_call(PyObject *kwnames)
{
    if (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0) {
        return 1;
    }
    PyObject *name = PyTuple_GET_ITEM(kwnames, 0);
    return PyTuple_GET_SIZE(kwnames) == 1 && (name == out_name || PyUnicode_Compare(name, out_name) == 0);
}

/* An exact ndarray whose dtype has neither fields nor metadata nor swapped bytes, as that of `like` has none. */
INLINE int is_plain(PyObject *object, int type_num, PyArray_Descr *like)
{
    PyArray_Descr *descr = PyArray_CheckExact(object) ? PyArray_DESCR((PyArrayObject *)object) : NULL;
    return descr && (descr == like || (descr->type_num == type_num && PyArray_ISNBO(descr->byteorder) &&
                                       PyDataType_METADATA(descr) == NULL && PyDataType_NAMES(descr) == NULL));
}

/* Loops of our own: NumPy's functions for these two take a tenth of a call of ten elements. */
INLINE int is_same_shape(PyArrayObject *a, PyArrayObject *b)
{
    int d = PyArray_NDIM(a) == PyArray_NDIM(b) ? PyArray_NDIM(a) : -1;
    while (d > 0 && PyArray_DIM(a, d - 1) == PyArray_DIM(b, d - 1)) {
        d--;
    }
    return d == 0;
}

INLINE npy_intp size_of(PyArrayObject *x)
{
    npy_intp size = 1;
    for (int d = 0; d < PyArray_NDIM(x); d++) {
        size *= PyArray_DIM(x, d);
    }
    return size;
}

/* Whether the strides tell the order of a fresh result's axes as NumPy's iterator would choose it. */
static int tells_order(PyArrayObject *dy, PyArrayObject *x)
{
    const int nd = PyArray_NDIM(x);
    for (int d = 0; nd > 1 && d < nd; d++) {
        if (PyArray_DIM(x, d) == 1 || PyArray_STRIDE(x, d) == 0 || PyArray_STRIDE(x, d) != PyArray_STRIDE(dy, d)) {
            return 0;
        }
    }
    return 1;
}

/* The flag that np.broadcast_arrays sets; NumPy's headers do not name it. */
#define WARN_ON_WRITE ((int)(1u << 31))

/* Whether elements of an output share memory, so that it shows in which order NumPy writes them. */
static int shares_memory(PyArrayObject *out)
{
    struct view view;
    view.data[OUTPUT] = view.data[DY] = view.data[X] = PyArray_DATA(out);
    view.nd = PyArray_NDIM(out);
    for (int d = 0; d < view.nd; d++) {
        view.axis[d] = (struct axis){PyArray_DIM(out, d), {PyArray_STRIDE(out, d)}};
    }
    return may_overlap_itself(&view, PyArray_ITEMSIZE(out));
}

/* The result: `out` where it is given, or a new array; a new reference. NULL without an error: only NumPy's iterator
 * can tell, as it can the strides of axes of length 1 of a misaligned result in column order. `order` has the flags of
 * the orders in which all operands are contiguous. */
INLINE PyArrayObject *result_of(PyArrayObject *const arrays[N_OPERANDS], int order)
{
    PyArrayObject *out = arrays[OUTPUT], *dy = arrays[DY], *x = arrays[X];
    PyArray_Descr *descr = PyArray_DESCR(x);
    if (out != NULL) {
        return is_same_shape(out, x) ? (PyArrayObject *)Py_NewRef(out) : NULL;
    }
    if (order & NPY_ARRAY_C_CONTIGUOUS || (order && PyArray_ISALIGNED(dy) && PyArray_ISALIGNED(x))) {
        Py_INCREF(descr);
        return (PyArrayObject *)PyArray_NewFromDescr(&PyArray_Type, descr, PyArray_NDIM(x), PyArray_DIMS(x), NULL, NULL,
                                                     !(order & NPY_ARRAY_C_CONTIGUOUS), NULL);
    }
    if (!tells_order(dy, x)) {
        return NULL;
    }
    Py_INCREF(descr);
    return (PyArrayObject *)PyArray_NewLikeArray(x, NPY_KEEPORDER, descr, 0);
}

/* Operands of one shape and n elements; one axis where all are contiguous in one order. */
INLINE void take_view(struct view *view, PyArrayObject *out, PyArrayObject *dy, PyArrayObject *x, int order, npy_intp n)
{
    const npy_intp width = PyArray_ITEMSIZE(x);
    view->data[OUTPUT] = PyArray_DATA(out);
    view->data[DY] = PyArray_DATA(dy);
    view->data[X] = PyArray_DATA(x);
    if (order) {
        view->nd = 1;
        view->axis[0] = (struct axis){n, {width, width, width}};
        return;
    }
    view->nd = PyArray_NDIM(x);
    for (int d = 0; d < view->nd; d++) {
        view->axis[d] =
            (struct axis){PyArray_DIM(x, d), {PyArray_STRIDE(out, d), PyArray_STRIDE(dy, d), PyArray_STRIDE(x, d)}};
    }
}

/* May stream into memory that is there already (fresh memory is in the cache, the operating system has just cleared
 * it) and that is no input's (that is in the cache as well). */
INLINE void run_view(enum op op, const struct dtype *dtype, struct view *view, PyArrayObject *given, npy_intp size)
{
    const int may_stream = given != NULL && size * dtype->width >= LOAD_ATOMIC(&stream_threshold) &&
                           PyArray_ISALIGNED(given) && view->data[OUTPUT] != view->data[X] &&
                           view->data[OUTPUT] != view->data[DY];
    NPY_BEGIN_THREADS_DEF;
    NPY_BEGIN_THREADS_THRESHOLDED(size);
    run(LOAD_ATOMIC(&active_target), op, dtype, view, may_stream);
    NPY_END_THREADS;
}

/* Any layouts and shapes that broadcast, laid out by NumPy's iterator. NULL, with the error cleared: NumPy has to
 * say what is wrong. */
static PyObject *call_iterated(enum op op, const struct dtype *dtype, PyArrayObject *const arrays[N_OPERANDS])
{
    const int n_in = has_dy(op) ? 2 : 1;
    PyArrayObject *operand[3] = {arrays[DY], arrays[X], NULL};
    PyArray_Descr *descr = PyArray_DESCR(arrays[X]), *descrs[3] = {descr, descr, descr};
    npy_uint32 flags[3];
    struct view view;
    operand[n_in] = arrays[OUTPUT];
    for (int k = 0; k < n_in; k++) {
        flags[k] = NPY_ITER_READONLY | NPY_ITER_OVERLAP_ASSUME_ELEMENTWISE;
    }
    flags[n_in] = NPY_ITER_WRITEONLY | NPY_ITER_ALLOCATE | NPY_ITER_NO_SUBTYPE | NPY_ITER_NO_BROADCAST |
                  NPY_ITER_OVERLAP_ASSUME_ELEMENTWISE;
    NpyIter *iter =
        NpyIter_MultiNew(n_in + 1, operand, NPY_ITER_MULTI_INDEX | NPY_ITER_ZEROSIZE_OK | NPY_ITER_COPY_IF_OVERLAP,
                         NPY_KEEPORDER, NPY_NO_CASTING, flags, descrs);
    if (iter == NULL) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *out = Py_NewRef(arrays[OUTPUT] ? arrays[OUTPUT] : NpyIter_GetOperandArray(iter)[n_in]);
    const int index[N_OPERANDS] = {n_in, 0, n_in - 1}; /* NumPy's order: inputs, output */
    npy_intp shape[MAX_DIMS];
    view.nd = NpyIter_GetNDim(iter);
    NpyIter_GetShape(iter, shape);
    for (int k = 0; k < N_OPERANDS; k++) {
        view.data[k] = NpyIter_GetInitialDataPtrArray(iter)[index[k]];
        for (int d = 0; d < view.nd; d++) {
            view.axis[d].n = shape[d];
            view.axis[d].step[k] = NpyIter_GetAxisStrideArray(iter, d)[index[k]];
        }
    }
    run_view(op, dtype, &view, arrays[OUTPUT], NpyIter_GetIterSize(iter));
    if (NpyIter_Deallocate(iter) != NPY_SUCCEED) { /* writes back where operands overlap */
        Py_CLEAR(out); /* not reached: writing back fails only in a cast, and there is none */
    }
    return out;
}

/* NULL without an error: NumPy's machinery has to do it. */
INLINE PyObject *call_plain(enum op op, const struct dtype *dtype, PyArrayObject *const arrays[N_OPERANDS])
{
    PyArrayObject *given = arrays[OUTPUT], *dy = arrays[DY], *x = arrays[X];
    int order = PyArray_FLAGS(x) & PyArray_FLAGS(dy) & (NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS);
    order &= given ? PyArray_FLAGS(given) : order;
    if (PyArray_NDIM(x) == 0 || (given == NULL && PyArray_NDIM(dy) == 0)) { /* NumPy has ways of its own for scalars */
        return NULL;
    }
    if (given && ((PyArray_FLAGS(given) & (NPY_ARRAY_WRITEABLE | WARN_ON_WRITE)) != NPY_ARRAY_WRITEABLE ||
                  (!order && shares_memory(given)))) {
        return NULL;
    }
    if (is_same_shape(dy, x)) {
        PyArrayObject *out = result_of(arrays, order);
        if (out == NULL && PyErr_Occurred()) {
            return NULL;
        }
        if (out != NULL) {
            const npy_intp size = size_of(x);
            struct view view;
            take_view(&view, out, dy, x, order, size);
            if (given == NULL ||
                !(overlaps(&view, X, dtype->width) || (dy != x && overlaps(&view, DY, dtype->width)))) {
                run_view(op, dtype, &view, given, size);
                return (PyObject *)out;
            }
            Py_DECREF(out);
        }
    }
    return call_iterated(op, dtype, arrays);
}

/* GCC makes a tail call of it, so that the two kilobytes of a view are not on the stack while NumPy runs. */
NPY_NOINLINE PyObject *call_numpy(enum op op, PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyObject *result = numpy_call(self, args, nargsf, kwnames);
    return result ? result : explain(op, "failure", args, PyVectorcall_NARGS(nargsf));
}

INLINE PyObject *call(enum op op, PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    const Py_ssize_t n_in = has_dy(op) ? 2 : 1, n_args = PyVectorcall_NARGS(nargsf);
    if (n_args != n_in) { /* relu(0, x) would take x for an output, and overwrite it */
        return explain(op, "positional", args, n_args);
    }
    PyObject *dy = args[0], *x = args[n_in - 1];
    if (is_plain_call(kwnames) && PyArray_CheckExact(x)) {
        PyObject *out = kwnames && PyTuple_GET_SIZE(kwnames) && args[n_in] != Py_None ? args[n_in] : NULL;
        PyArray_Descr *descr = PyArray_DESCR((PyArrayObject *)x);
        const int type_num = descr->type_num;
        const struct dtype *dtype = dtype_of(type_num);
        if (dtype && is_plain(x, type_num, NULL) && is_plain(dy, type_num, descr) &&
            (!out || is_plain(out, type_num, descr))) {
            PyArrayObject *const arrays[N_OPERANDS] = {(PyArrayObject *)out, (PyArrayObject *)dy, (PyArrayObject *)x};
            PyObject *result = call_plain(op, dtype, arrays);
            if (result != NULL || PyErr_Occurred()) {
                return result;
            }
        }
    }
    return call_numpy(op, self, args, nargsf, kwnames);
}

#define CALL(op)                                                                                                       \
    static PyObject *call_##op(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)                \
    {                                                                                                                  \
        return call(op, self, args, nargsf, kwnames);                                                                  \
    }
EACH_OP(CALL)

int fastcall_install(PyUFuncObject *ufunc, enum op op)
{
#define ROW(op) [op] = call_##op,
    static const vectorcallfunc calls[N_OPS] = {EACH_OP(ROW)};
    if (out_name == NULL && (out_name = PyUnicode_InternFromString("out")) == NULL) {
        return -1; /* not reached: memory runs out during the import: NumPy crashes first */
    }
    numpy_call = ufunc->vectorcall;
    ufunc->vectorcall = calls[op];
    return 0;
}
