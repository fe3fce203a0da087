/* NumPy's inner loops: one for every dtype that is a row, and those of long double, object and bool. */
#include "numpy_api.h"
#include <fenv.h>
#include <math.h>

#define BUILTIN(type_num, name, width, ...) {type_num, width, name, __VA_ARGS__},
const struct dtype builtin_dtypes[N_BUILTIN] = {
#include "dtypes.def"
};
#define USER(name, width, ...) {-1, width, name, __VA_ARGS__},
struct dtype user_dtypes[N_USER] = {
#include "dtypes.def"
};

const struct dtype *builtin_rows[NPY_NTYPES_LEGACY]; /* by type number */

INLINE void take_line(struct view *line, enum op op, char **args, npy_intp n, npy_intp const *steps)
{
    const int x = has_dy(op) ? 1 : 0, index[N_OPERANDS] = {x + 1, 0, x}; /* NumPy's order: inputs, output */
    line->nd = 1;
    line->axis[0].n = n;
    for (int k = 0; k < N_OPERANDS; k++) {
        line->data[k] = args[index[k]];
        line->axis[0].step[k] = steps[index[k]];
    }
}

/* Moves to the next element. */
static void advance(struct view *line)
{
    for (int k = 0; k < N_OPERANDS; k++) {
        line->data[k] += line->axis[0].step[k];
    }
}

INLINE void dtype_loop(enum op op, char **args, npy_intp n, npy_intp const *steps, const struct dtype *dtype)
{
    struct view line;
    take_line(&line, op, args, n, steps);
    if (n == 1) { /* whose steps may be anything */
        line.axis[0] = (struct axis){1, {dtype->width, dtype->width, dtype->width}};
    }
    if (n > 1 && (overlaps(&line, X, dtype->width) || overlaps(&line, DY, dtype->width))) {
        run_in_order(LOAD_ATOMIC(&active_target), op, dtype, &line);
    }
    else {
        run(LOAD_ATOMIC(&active_target), op, dtype, &line, 0);
    }
}

#define DTYPE_LOOP(op)                                                                                                 \
    static void op##_loop(char **args, npy_intp const *n, npy_intp const *steps, void *dtype)                          \
    {                                                                                                                  \
        dtype_loop(op, args, n[0], steps, dtype);                                                                      \
    }
EACH_OP(DTYPE_LOOP)

/* The loops below are told the operation by their `data`. */
static int drops_zeros(enum op op) { return op == RELU || op == GRAD_STRICT || op == BACKWARD_STRICT; }

/* What is kept of a line's first element: x, dy or, of a gradient, `one`. */
static char *kept_of(enum op op, const struct view *line, void *one)
{
    if (has_dy(op)) {
        return line->data[DY];
    }
    return op == RELU ? line->data[X] : one;
}

/* Signalling NaNs and invalid encodings raise a flag even in quiet comparisons, so the flags are restored. */
static void longdouble_loop(char **args, npy_intp const *n, npy_intp const *steps, void *data)
{
    const enum op op = (enum op)(intptr_t)data;
    struct view line;
    fenv_t before;
    take_line(&line, op, args, n[0], steps);
    fegetenv(&before);
    for (npy_intp i = 0; i < n[0]; i++, advance(&line)) {
        npy_longdouble x, zero = 0, one = 1;
        memcpy(&x, line.data[X], sizeof x);
        const int drop = drops_zeros(op) ? islessequal(x, zero) : isless(x, zero);
        memmove(line.data[OUTPUT], drop ? (char *)&zero : kept_of(op, &line, &one), sizeof x);
    }
    fesetenv(&before);
}

/* By Python's comparison; -1 with an error. */
static int drops_object(enum op op, PyObject *x, PyObject *zero)
{
    if (op != RELU && (PyBool_Check(x) || PyArray_IsScalar(x, Bool))) {
        explain(op, "mask", NULL, 0);
        return -1;
    }
    const int drop = PyObject_RichCompareBool(x, zero, drops_zeros(op) ? Py_LE : Py_LT);
    if (drop < 0) {
        explain(op, "comparison", &x, 1);
    }
    return drop;
}

/* Stops at the first object that raises; NumPy then raises it. */
static void object_loop(char **args, npy_intp const *n, npy_intp const *steps, void *data)
{
    const enum op op = (enum op)(intptr_t)data;
    PyObject *zero = PyLong_FromLong(0), *one = PyLong_FromLong(1);
    struct view line;
    int drop = zero && one ? 0 : -1;
    take_line(&line, op, args, n[0], steps);
    for (npy_intp i = 0; drop >= 0 && i < n[0]; i++, advance(&line)) {
        PyObject *x = *(PyObject **)line.data[X], *kept = *(PyObject **)kept_of(op, &line, &one);
        x = Py_NewRef(x ? x : Py_None); /* NumPy's empty slots stand for None */
        kept = Py_NewRef(kept ? kept : Py_None);
        drop = drops_object(op, x, zero);
        if (drop >= 0) {
            PyObject *old = *(PyObject **)line.data[OUTPUT];
            *(PyObject **)line.data[OUTPUT] = Py_NewRef(drop ? zero : kept);
            Py_XDECREF(old);
        }
        Py_DECREF(x);
        Py_DECREF(kept);
    }
    Py_XDECREF(zero);
    Py_XDECREF(one);
    feclearexcept(FE_ALL_EXCEPT); /* Python's comparison with NaN raises one, of which NumPy would warn */
}

/* The integer of a boolean, as np.maximum(0, x) gives it. */
static void bool_loop(char **args, npy_intp const *n, npy_intp const *steps, void *Py_UNUSED(data))
{
    for (npy_intp i = 0; i < n[0]; i++) {
        *(npy_intp *)(args[1] + i * steps[1]) = *(npy_bool *)(args[0] + i * steps[0]) != 0;
    }
}

#define ROW(op) [op] = {.dtype_loop = op##_loop},
struct loops loops[N_OPS] = {EACH_OP(ROW)};

static void add_loop(enum op op, PyUFuncGenericFunction function, const void *data, int in_type, int out_type)
{
    struct loops *of = &loops[op];
    const int n_in = has_dy(op) ? 2 : 1;
    char *types = of->types + of->n_loops * (n_in + 1);
    of->functions[of->n_loops] = function;
    of->data[of->n_loops++] = (void *)data;
    memset(types, in_type, (size_t)n_in);
    types[n_in] = (char)out_type;
}

void loops_init(void)
{
    for (const struct dtype *d = builtin_dtypes; d < builtin_dtypes + N_BUILTIN; d++) {
        builtin_rows[d->type_num] = d;
    }
    for (int op = 0; op < N_OPS; op++) {
        for (const struct dtype *d = builtin_dtypes; d < builtin_dtypes + N_BUILTIN; d++) {
            add_loop(op, loops[op].dtype_loop, d, d->type_num, d->type_num);
        }
        add_loop(op, longdouble_loop, (void *)(intptr_t)op, NPY_LONGDOUBLE, NPY_LONGDOUBLE);
        if (op == RELU) { /* after the others: polars takes the first loop whose result can hold the operands */
            add_loop(op, bool_loop, NULL, NPY_BOOL, NPY_INTP);
        }
        add_loop(op, object_loop, (void *)(intptr_t)op, NPY_OBJECT, NPY_OBJECT);
    }
}
