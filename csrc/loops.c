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

static const struct dtype *builtin_rows[NPY_NTYPES_LEGACY]; /* by type number */

const struct dtype *dtype_of(int type_num)
{
    if (type_num >= 0 && type_num < NPY_NTYPES_LEGACY) {
        return builtin_rows[type_num];
    }
    for (int i = 0; type_num >= NPY_USERDEF && i < N_USER; i++) {
        if (user_dtypes[i].type_num == type_num) {
            return &user_dtypes[i];
        }
    }
    return NULL;
}

/* An operand of a loop: where it starts and how far apart its elements are. */
struct strided {
    char *p;
    npy_intp step;
};

INLINE void take_operands(enum op op, char **args, npy_intp const *steps, struct strided operand[N_OPERANDS])
{
    const int x = has_dy(op) ? 1 : 0;
    operand[DY] = (struct strided){args[0], steps[0]};
    operand[X] = (struct strided){args[x], steps[x]};
    operand[OUT] = (struct strided){args[x + 1], steps[x + 1]};
}

INLINE void dtype_loop(enum op op, char **args, npy_intp n, npy_intp const *steps, const struct dtype *dtype)
{
    struct strided o[N_OPERANDS];
    const npy_intp width = dtype->width;
    take_operands(op, args, steps, o);
    char *dy = has_dy(op) ? o[DY].p : NULL;
    kernel *run = active_target->kernels->run[op][width_index(dtype->width)];
    struct view line;
    line.nd = 1;
    line.shape[0] = n;
    for (int k = 0; k < N_OPERANDS; k++) {
        line.data[k] = o[k].p;
        line.step[0][k] = o[k].step;
    }
    if (n > 1 && (is_order_bound(&line, X, width) || is_order_bound(&line, DY, width))) {
        /* Accumulate, reduce, partial overlap: rows of one element. */
        const struct axis rows = {n, {o[OUT].step, o[DY].step, o[X].step}};
        run(o[OUT].p, dy, o[X].p, width, &rows, &ALONE, dtype);
    }
    else if (n <= 1 || (o[OUT].step == width && o[DY].step == width && o[X].step == width)) {
        run(o[OUT].p, dy, o[X].p, n * width, &ALONE, &ALONE, dtype);
    }
    else {
        walk(op, dtype, &line, 0);
    }
}

INLINE int is_strict(enum op op) { return op == RELU || op == GRAD_STRICT || op == BACKWARD_STRICT; }

/* The quiet comparisons raise no floating-point flag on NaN. */
INLINE void longdouble_loop(enum op op, char **args, npy_intp n, npy_intp const *steps)
{
    struct strided o[N_OPERANDS];
    take_operands(op, args, steps, o);
    for (; n > 0; n--, o[OUT].p += o[OUT].step, o[DY].p += o[DY].step, o[X].p += o[X].step) {
        npy_longdouble x = *(npy_longdouble *)o[X].p;
        npy_longdouble v = op == RELU ? x : has_dy(op) ? *(npy_longdouble *)o[DY].p : 1;
        int drop = is_strict(op) ? islessequal(x, 0) : isless(x, 0);
        *(npy_longdouble *)o[OUT].p = drop ? 0 : v;
    }
}

/* By Python's comparison; stops at the first that raises, NumPy then raises it. */
INLINE void object_loop(enum op op, char **args, npy_intp n, npy_intp const *steps)
{
    struct strided o[N_OPERANDS];
    PyObject *zero = PyLong_FromLong(0), *one = PyLong_FromLong(1);
    take_operands(op, args, steps, o);
    for (; zero && one && n > 0; n--, o[OUT].p += o[OUT].step, o[DY].p += o[DY].step, o[X].p += o[X].step) {
        PyObject *x = *(PyObject **)o[X].p, *dy = *(PyObject **)o[DY].p;
        x = Py_NewRef(x ? x : Py_None); /* NumPy's empty slots stand for None */
        dy = Py_NewRef(dy ? dy : Py_None);
        int drop = -1;
        if (op != RELU && (PyBool_Check(x) || PyArray_IsScalar(x, Bool))) {
            explain(op, "mask", Py_None);
        }
        else if ((drop = PyObject_RichCompareBool(x, zero, is_strict(op) ? Py_LE : Py_LT)) < 0) {
            explain(op, "comparison", x);
        }
        if (drop >= 0) {
            PyObject *old = *(PyObject **)o[OUT].p;
            *(PyObject **)o[OUT].p = Py_NewRef(drop ? zero : op == RELU ? x : has_dy(op) ? dy : one);
            Py_XDECREF(old);
        }
        Py_DECREF(x);
        Py_DECREF(dy);
        if (drop < 0) {
            break;
        }
    }
    Py_XDECREF(zero);
    Py_XDECREF(one);
    feclearexcept(FE_ALL_EXCEPT); /* Python's comparison with NaN raises one, of which NumPy would warn */
}

/* As np.maximum(0, x) has it: the integer of a boolean. */
static void RELU_bool(char **args, npy_intp const *n, npy_intp const *steps, void *data)
{
    (void)data;
    for (npy_intp i = 0; i < n[0]; i++) {
        *(npy_intp *)(args[1] + i * steps[1]) = *(npy_bool *)(args[0] + i * steps[0]) != 0;
    }
}

#define LOOPS(op)                                                                                              \
    static void op##_dtype(char **args, npy_intp const *n, npy_intp const *steps, void *data)                  \
    {                                                                                                          \
        dtype_loop(op, args, n[0], steps, data);                                                               \
    }                                                                                                          \
    static void op##_longdouble(char **args, npy_intp const *n, npy_intp const *steps, void *data)             \
    {                                                                                                          \
        (void)data;                                                                                            \
        longdouble_loop(op, args, n[0], steps);                                                                \
    }                                                                                                          \
    static void op##_object(char **args, npy_intp const *n, npy_intp const *steps, void *data)                 \
    {                                                                                                          \
        (void)data;                                                                                            \
        object_loop(op, args, n[0], steps);                                                                    \
    }
LOOPS(RELU)
LOOPS(GRAD)
LOOPS(BACKWARD)
LOOPS(GRAD_STRICT)
LOOPS(BACKWARD_STRICT)

struct loops loops[N_OPS];

static void add_loop(enum op op, PyUFuncGenericFunction function, const struct dtype *data, int in_type,
                     int out_type)
{
    struct loops *of = &loops[op];
    char *types = of->types + of->n_loops * (has_dy(op) ? 3 : 2);
    of->functions[of->n_loops] = function;
    of->data[of->n_loops] = (void *)data;
    of->n_loops++;
    *types++ = (char)in_type;
    if (has_dy(op)) {
        *types++ = (char)in_type;
    }
    *types = (char)out_type;
}

void loops_init(void)
{
    static const PyUFuncGenericFunction functions[N_OPS][3] = {
#define ROW(op) [op] = {op##_dtype, op##_longdouble, op##_object}
        ROW(RELU), ROW(GRAD), ROW(BACKWARD), ROW(GRAD_STRICT), ROW(BACKWARD_STRICT),
#undef ROW
    };
    for (int i = 0; i < N_BUILTIN; i++) {
        builtin_rows[builtin_dtypes[i].type_num] = &builtin_dtypes[i];
    }
    for (int op = 0; op < N_OPS; op++) {
        if (loops[op].n_loops > 0) {
            continue; /* the module is being imported anew */
        }
        loops[op].dtype_loop = functions[op][0];
        for (int i = 0; i < N_BUILTIN; i++) {
            add_loop(op, functions[op][0], &builtin_dtypes[i], builtin_dtypes[i].type_num,
                     builtin_dtypes[i].type_num);
        }
        add_loop(op, functions[op][1], NULL, NPY_LONGDOUBLE, NPY_LONGDOUBLE);
        if (op == RELU) { /* after the others: polars takes the first loop whose result can hold the operands */
            add_loop(op, RELU_bool, NULL, NPY_BOOL, NPY_INTP);
        }
        add_loop(op, functions[op][2], NULL, NPY_OBJECT, NPY_OBJECT);
    }
}
