/* The short way for plain arrays: what the ufunc's vectorcall slot answers without NumPy's machinery.
 *
 * Exact ndarrays of one dtype that is a row, in native byte order and without metadata, and `out=`. Arrays of
 * one contiguous layout go straight to a kernel, others to walk.c: of one shape as they are, else
 * (broadcasting, overlap) as NumPy's iterator lays them out. Everything else, and every error, is NumPy's.
 */
#include "numpy_api.h"

static vectorcallfunc numpy_call;

/* NumPy keeps the GIL for as few. */
enum { FEW_ELEMENTS = 500 };

static PyObject *out_name; /* interned, as the names of keywords are */

static int is_named_out(PyObject *kwnames)
{
    PyObject *name = PyTuple_GET_ITEM(kwnames, 0);
    return PyTuple_GET_SIZE(kwnames) == 1 && (name == out_name || PyUnicode_Compare(name, out_name) == 0);
}

/* Finds the operands, OUT being NULL where there is none; 0 where the call is not of the plain form. */
INLINE int parse(enum op op, PyObject *const *args, PyObject *kwnames, PyArrayObject *arrays[N_OPERANDS])
{
    const Py_ssize_t n_in = has_dy(op) ? 2 : 1;
    PyObject *out = NULL;
    if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0) {
        if (!is_named_out(kwnames)) {
            return 0;
        }
        out = args[n_in];
        if (PyTuple_CheckExact(out)) {
            if (PyTuple_GET_SIZE(out) != 1) {
                return 0;
            }
            out = PyTuple_GET_ITEM(out, 0);
        }
    }
    if (out == Py_None) {
        out = NULL;
    }
    if (!PyArray_CheckExact(args[0]) || !PyArray_CheckExact(args[n_in - 1]) ||
        (out && !PyArray_CheckExact(out))) {
        return 0;
    }
    arrays[OUT] = (PyArrayObject *)out;
    arrays[DY] = (PyArrayObject *)args[0];
    arrays[X] = (PyArrayObject *)args[n_in - 1];
    return 1;
}

INLINE int has_plain_dtype(PyArrayObject *array, int type_num)
{
    PyArray_Descr *descr = PyArray_DESCR(array);
    return descr->type_num == type_num && PyArray_ISNBO(descr->byteorder) && PyDataType_METADATA(descr) == NULL;
}

INLINE int is_same_shape(PyArrayObject *a, PyArrayObject *b)
{
    return a == b || (PyArray_NDIM(a) == PyArray_NDIM(b) &&
                      PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a)));
}

/* Of contiguous arrays of one shape: neither the same memory nor apart from it. */
INLINE int is_shifted(PyArrayObject *out, PyArrayObject *in, npy_intp bytes)
{
    uintptr_t a = (uintptr_t)PyArray_DATA(out), b = (uintptr_t)PyArray_DATA(in);
    return a != b && a < b + (uintptr_t)bytes && b < a + (uintptr_t)bytes;
}

/* Into memory that is there already (fresh memory is in the cache, the operating system has just cleared it)
 * and that is no operand's (that is in the cache as well). */
static int pays_to_stream(PyArrayObject *out, char *const data[N_OPERANDS], npy_intp bytes)
{
    return bytes >= stream_threshold && PyArray_ISALIGNED(out) && data[OUT] != data[X] && data[OUT] != data[DY];
}

/* All of one shape and contiguous in one order. NULL without an error: not so. */
INLINE PyObject *call_contiguous(enum op op, const struct dtype *dtype, PyArrayObject *const arrays[N_OPERANDS])
{
    PyArrayObject *out = arrays[OUT], *dy = arrays[DY], *x = arrays[X];
    const int nd = PyArray_NDIM(x);
    int order = PyArray_FLAGS(x) & PyArray_FLAGS(dy) & (NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS);
    if (nd == 0 || !is_same_shape(dy, x)) {
        return NULL;
    }
    const npy_intp bytes = PyArray_NBYTES(x);
    if (out == NULL) {
        if (order == 0) {
            return NULL;
        }
        PyArray_Descr *descr = PyArray_DESCR(x);
        Py_INCREF(descr);
        out = (PyArrayObject *)PyArray_NewFromDescr(&PyArray_Type, descr, nd, PyArray_DIMS(x), NULL, NULL,
                                                    !(order & NPY_ARRAY_C_CONTIGUOUS), NULL);
        if (out == NULL) {
            return NULL;
        }
    }
    else {
        if ((PyArray_FLAGS(out) & order) == 0 || !PyArray_ISWRITEABLE(out) || !is_same_shape(out, x) ||
            is_shifted(out, x, bytes) || is_shifted(out, dy, bytes)) {
            return NULL;
        }
        Py_INCREF(out);
    }
    const struct kernels *kernels = active_target->kernels;
    const int w = width_index(dtype->width);
    char *p[N_OPERANDS] = {PyArray_DATA(out), has_dy(op) ? PyArray_DATA(dy) : NULL, PyArray_DATA(x)};
    if (bytes <= FEW_ELEMENTS * dtype->width) {
        kernels->run[op][w](p[OUT], p[DY], p[X], bytes, &ALONE, &ALONE, dtype);
        return (PyObject *)out;
    }
    Py_BEGIN_ALLOW_THREADS
        if (arrays[OUT] != NULL && pays_to_stream(out, p, bytes)) {
            kernels->stream[op][w](p[OUT], p[DY], p[X], bytes, &ALONE, &ALONE, dtype);
            kernels->fence();
        }
        else {
            kernels->run[op][w](p[OUT], p[DY], p[X], bytes, &ALONE, &ALONE, dtype);
        }
    Py_END_ALLOW_THREADS
    return (PyObject *)out;
}

static void run_view(enum op op, const struct dtype *dtype, const struct view *view, PyArrayObject *out_given,
                     npy_intp size)
{
    const int stream = out_given != NULL && pays_to_stream(out_given, view->data, size * dtype->width);
    NPY_BEGIN_THREADS_DEF;
    NPY_BEGIN_THREADS_THRESHOLDED(size);
    walk(op, dtype, view, stream);
    NPY_END_THREADS;
}

/* Whether a fresh result has the order of x's axes: all strides tell it, and dy's are the same. */
static int is_order_of_x(PyArrayObject *dy, PyArrayObject *x)
{
    const int nd = PyArray_NDIM(x);
    for (int d = 0; nd > 1 && d < nd; d++) {
        if (PyArray_DIM(x, d) == 1 || PyArray_STRIDE(x, d) == 0 ||
            PyArray_STRIDE(x, d) != PyArray_STRIDE(dy, d)) {
            return 0;
        }
    }
    return 1;
}

/* Operands of one shape, with an output that is apart from them, or a line that is x or dy itself: laid out
 * without NumPy's iterator, which takes as long as a pass over a thousand elements. NULL without an error: not
 * so. */
static PyObject *call_one_shape(enum op op, const struct dtype *dtype, PyArrayObject *const arrays[N_OPERANDS])
{
    PyArrayObject *out = arrays[OUT], *dy = arrays[DY], *x = arrays[X];
    struct view view;
    view.nd = PyArray_NDIM(x);
    if (!is_same_shape(dy, x)) {
        return NULL;
    }
    if (out == NULL) {
        if (!is_order_of_x(dy, x)) {
            return NULL;
        }
        PyArray_Descr *descr = PyArray_DESCR(x);
        Py_INCREF(descr);
        out = (PyArrayObject *)PyArray_NewLikeArray(x, NPY_KEEPORDER, descr, 0);
        if (out == NULL) {
            return NULL;
        }
    }
    else if (PyArray_ISWRITEABLE(out) && is_same_shape(out, x)) {
        Py_INCREF(out);
    }
    else {
        return NULL;
    }
    PyArrayObject *operand[N_OPERANDS] = {out, dy, x};
    for (int k = 0; k < N_OPERANDS; k++) {
        view.data[k] = PyArray_DATA(operand[k]);
    }
    for (int d = 0; d < view.nd; d++) {
        view.shape[d] = PyArray_DIM(x, d);
        for (int k = 0; k < N_OPERANDS; k++) {
            view.step[d][k] = PyArray_STRIDE(operand[k], d);
        }
    }
    if (arrays[OUT] && (is_order_bound(&view, DY, dtype->width) || is_order_bound(&view, X, dtype->width))) {
        Py_DECREF(out);
        return NULL;
    }
    run_view(op, dtype, &view, arrays[OUT], PyArray_SIZE(x));
    return (PyObject *)out;
}

/* Any layouts and shapes that broadcast. NULL, with the error cleared: NumPy has to say what is wrong. */
static PyObject *call_any_layout(enum op op, const struct dtype *dtype, PyArrayObject *const arrays[N_OPERANDS])
{
    const int n_in = has_dy(op) ? 2 : 1;
    PyArrayObject *operand[3] = {arrays[DY], arrays[X], NULL};
    PyArray_Descr *descr = PyArray_DESCR(arrays[X]), *descrs[3] = {descr, descr, descr};
    npy_uint32 flags[3];
    struct view view;
    operand[n_in] = arrays[OUT];
    for (int k = 0; k < n_in; k++) {
        flags[k] = NPY_ITER_READONLY | NPY_ITER_OVERLAP_ASSUME_ELEMENTWISE;
    }
    flags[n_in] = NPY_ITER_WRITEONLY | NPY_ITER_ALLOCATE | NPY_ITER_NO_SUBTYPE | NPY_ITER_NO_BROADCAST |
                  NPY_ITER_OVERLAP_ASSUME_ELEMENTWISE;
    NpyIter *iter = NpyIter_MultiNew(n_in + 1, operand,
                                     NPY_ITER_MULTI_INDEX | NPY_ITER_ZEROSIZE_OK | NPY_ITER_COPY_IF_OVERLAP,
                                     NPY_KEEPORDER, NPY_NO_CASTING, flags, descrs);
    if (iter == NULL) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *out = (PyObject *)(arrays[OUT] ? arrays[OUT] : NpyIter_GetOperandArray(iter)[n_in]);
    Py_INCREF(out);
    const npy_intp size = NpyIter_GetIterSize(iter);
    char **data = NpyIter_GetInitialDataPtrArray(iter);
    const int index[N_OPERANDS] = {n_in, 0, n_in - 1}; /* NumPy's order: inputs, output */
    view.nd = NpyIter_GetNDim(iter);
    NpyIter_GetShape(iter, view.shape);
    for (int k = 0; k < N_OPERANDS; k++) {
        view.data[k] = data[index[k]];
    }
    for (int d = 0; d < view.nd; d++) {
        npy_intp *step = NpyIter_GetAxisStrideArray(iter, d);
        for (int k = 0; k < N_OPERANDS; k++) {
            view.step[d][k] = step[index[k]];
        }
    }
    run_view(op, dtype, &view, arrays[OUT], size);
    if (NpyIter_Deallocate(iter) != NPY_SUCCEED) { /* writes back where operands overlap */
        Py_DECREF(out);
        return NULL;
    }
    return out;
}

static PyObject *explain_call(enum op op, const char *how, PyObject *const *args, Py_ssize_t n_args)
{
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback); /* no exception may be set where new objects are made */
    PyObject *tuple = PyTuple_New(n_args);
    for (Py_ssize_t k = 0; tuple && k < n_args; k++) {
        PyTuple_SET_ITEM(tuple, k, Py_NewRef(args[k]));
    }
    PyErr_Restore(error_type, error, traceback);
    explain(op, how, tuple);
    Py_XDECREF(tuple);
    return NULL;
}

INLINE PyObject *call(enum op op, PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyArrayObject *arrays[N_OPERANDS];
    const Py_ssize_t n_in = has_dy(op) ? 2 : 1, n_args = PyVectorcall_NARGS(nargsf);
    if (n_args != n_in) { /* relu(0, x) would take x for an output, and overwrite it */
        return explain_call(op, "positional", args, n_args);
    }
    if (parse(op, args, kwnames, arrays)) {
        const int type_num = PyArray_TYPE(arrays[X]);
        const struct dtype *dtype = dtype_of(type_num);
        if (dtype && has_plain_dtype(arrays[X], type_num) &&
            (!has_dy(op) || has_plain_dtype(arrays[DY], type_num)) &&
            (!arrays[OUT] || has_plain_dtype(arrays[OUT], type_num))) {
            PyObject *result = call_contiguous(op, dtype, arrays);
            if (result == NULL && !PyErr_Occurred() && PyArray_NDIM(arrays[X]) > 0) {
                result = call_one_shape(op, dtype, arrays);
                if (result == NULL && !PyErr_Occurred()) {
                    result = call_any_layout(op, dtype, arrays);
                }
            }
            if (result != NULL || PyErr_Occurred()) {
                return result;
            }
        }
    }
    PyObject *result = numpy_call(self, args, nargsf, kwnames);
    return result ? result : explain_call(op, "failure", args, n_args);
}

#define CALL(op)                                                                                               \
    static PyObject *call_##op(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)        \
    {                                                                                                          \
        return call(op, self, args, nargsf, kwnames);                                                          \
    }
CALL(RELU)
CALL(GRAD)
CALL(BACKWARD)
CALL(GRAD_STRICT)
CALL(BACKWARD_STRICT)

int fastcall_install(PyUFuncObject *ufunc, enum op op)
{
    static const vectorcallfunc calls[N_OPS] = {call_RELU, call_GRAD, call_BACKWARD, call_GRAD_STRICT,
                                                call_BACKWARD_STRICT};
    if (out_name == NULL && (out_name = PyUnicode_InternFromString("out")) == NULL) {
        return -1;
    }
    numpy_call = ufunc->vectorcall;
    ufunc->vectorcall = calls[op];
    return 0;
}
