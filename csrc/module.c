/* The module: creates the five ufuncs, adds the dtypes of ml_dtypes when they first turn up, and lets tests
 * and show_runtime() look inside. */
#define IMPORTS_NUMPY
#include "numpy_api.h"

const char *const op_names[N_OPS] = {
    [RELU] = "relu",
    [GRAD] = "relu_grad",
    [BACKWARD] = "relu_backward",
    [GRAD_STRICT] = "relu_grad_strict",
    [BACKWARD_STRICT] = "relu_backward_strict",
};

void explain(enum op op, const char *how, PyObject *what)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    if (type) {
        PyErr_NormalizeException(&type, &error, &traceback);
        PyException_SetTraceback(error, traceback ? traceback : Py_None);
    }
    PyObject *errors = PyImport_ImportModule("relu_ext._errors");
    PyObject *better =
        errors ? PyObject_CallMethod(errors, how, "sOO", op_names[op], what, error ? error : Py_None) : NULL;
    Py_XDECREF(errors);
    if (better == Py_None) {
        PyErr_Restore(type, error, traceback);
    }
    else {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
        if (better) {
            PyErr_SetObject((PyObject *)Py_TYPE(better), better);
        }
    }
    Py_XDECREF(better);
}

static enum op op_of(PyUFuncObject *ufunc)
{
    for (int op = 0; op < N_OPS; op++) {
        if (strcmp(ufunc->name, op_names[op]) == 0) {
            return (enum op)op;
        }
    }
    Py_UNREACHABLE();
}

/* Registers with `ufunc` every row of ml_dtypes that the imported ml_dtypes has; imports nothing itself. */
static int register_user_dtypes(PyUFuncObject *ufunc)
{
    const enum op op = op_of(ufunc);
    PyObject *name = PyUnicode_FromString("ml_dtypes");
    PyObject *module = name ? PyImport_GetModule(name) : NULL;
    Py_XDECREF(name);
    if (module == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    int status = 0;
    for (int i = 0; status == 0 && i < N_USER; i++) {
        struct dtype *row = &user_dtypes[i];
        PyArray_Descr *descr = NULL;
        PyObject *scalar_type = PyObject_GetAttrString(module, row->name);
        if (scalar_type == NULL) { /* an ml_dtypes that does not have it yet, or no longer */
            status = PyErr_ExceptionMatches(PyExc_AttributeError) ? 0 : -1;
            if (status == 0) {
                PyErr_Clear();
            }
            continue;
        }
        if (PyArray_DescrConverter(scalar_type, &descr)) {
            row->type_num = descr->type_num;
            status = PyUFunc_RegisterLoopForType(ufunc, row->type_num, loops[op].dtype_loop, NULL, row);
        }
        else {
            status = -1;
        }
        Py_XDECREF(descr);
        Py_DECREF(scalar_type);
    }
    Py_DECREF(module);
    return status;
}

#ifndef Py_BEGIN_CRITICAL_SECTION /* before Python 3.13 the GIL is the lock */
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

/* Refuses a dtype that has no loop and that NumPy cannot cast safely to one that has. */
static int refuse_dtype(enum op op, const char *operand, const PyArray_DTypeMeta *dtype)
{
    const int type_num = dtype->type_num;
    if (dtype_of(type_num) || type_num == NPY_BOOL || type_num == NPY_LONGDOUBLE || type_num == NPY_OBJECT) {
        return 0;
    }
    PyObject *what = Py_BuildValue("(sO)", operand, dtype->scalar_type);
    if (what != NULL) {
        explain(op, "dtype", what);
        Py_DECREF(what);
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int refuse_dtypes(enum op op, PyArray_DTypeMeta *const dtypes[], PyArray_DTypeMeta *wanted)
{
    PyArray_DTypeMeta *const x = dtypes[has_dy(op) ? 1 : 0], *const dy = has_dy(op) ? dtypes[0] : x;
    if (wanted) { /* casting= says what NumPy may cast */
        return refuse_dtype(op, "dtype", wanted);
    }
    if (x->type_num == NPY_OBJECT || dy->type_num == NPY_OBJECT) { /* both become objects */
        return 0;
    }
    return has_dy(op) && refuse_dtype(op, "dy", dy) < 0 ? -1 : refuse_dtype(op, "x", x);
}

/* NumPy asks here when no loop fits the dtypes exactly. To fail without an error means: promote as ever, among
 * all loops, so also those that were registered just now. */
static int promote(PyObject *object, PyArray_DTypeMeta *const dtypes[], PyArray_DTypeMeta *const signature[],
                   PyArray_DTypeMeta *new_dtypes[])
{
    PyUFuncObject *ufunc = (PyUFuncObject *)object;
    const enum op op = op_of(ufunc);
    PyArray_DTypeMeta *const wanted = signature[ufunc->nin]; /* by dtype=, or NULL */
    int status = 0, has_user_dtype = 0;
    if (op != RELU && dtypes[ufunc->nin - 1]->type_num == NPY_BOOL) {
        explain(op, "mask", Py_None);
        return -1;
    }
    for (int k = 0; k < ufunc->nin + (wanted != NULL); k++) {
        has_user_dtype |= PyTypeNum_ISUSERDEF(dtypes[k]->type_num);
    }
    if (has_user_dtype) {
        Py_BEGIN_CRITICAL_SECTION(object);
        status = register_user_dtypes(ufunc);
        Py_END_CRITICAL_SECTION();
    }
    if (status < 0 || refuse_dtypes(op, dtypes, wanted) < 0) {
        return -1;
    }
    /* NumPy's promotion by dtype= passes by the loops of registered dtypes. */
    if (wanted == NULL || !PyTypeNum_ISUSERDEF(wanted->type_num) || dtype_of(wanted->type_num) == NULL) {
        return -1;
    }
    for (int k = 0; k <= ufunc->nin; k++) {
        new_dtypes[k] = (PyArray_DTypeMeta *)Py_NewRef(signature[k] ? signature[k] : wanted);
    }
    return 0;
}

static int add_promoter(PyObject *ufunc, int nargs)
{
    PyObject *any = (PyObject *)&PyArrayDescr_Type;
    PyObject *dtypes = nargs == 3 ? PyTuple_Pack(3, any, any, Py_None) : PyTuple_Pack(2, any, Py_None);
    PyObject *promoter = PyCapsule_New((void *)promote, "numpy._ufunc_promoter", NULL);
    int status = dtypes && promoter ? PyUFunc_AddPromoter(ufunc, dtypes, promoter) : -1;
    Py_XDECREF(dtypes);
    Py_XDECREF(promoter);
    return status;
}

static int add_ufunc(PyObject *module, enum op op)
{
    const int n_in = has_dy(op) ? 2 : 1;
    PyObject *ufunc = PyUFunc_FromFuncAndData(loops[op].functions, loops[op].data, loops[op].types,
                                              loops[op].n_loops, n_in, 1, PyUFunc_None, op_names[op], NULL, 0);
    int status = -1;
    if (ufunc && add_promoter(ufunc, n_in + 1) == 0 && fastcall_install((PyUFuncObject *)ufunc, op) == 0) {
        status = PyModule_AddObjectRef(module, op_names[op], ufunc);
    }
    Py_XDECREF(ufunc);
    return status;
}

static PyObject *get_simd_target(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyUnicode_FromString(active_target->name);
}

static PyObject *set_simd_target(PyObject *Py_UNUSED(module), PyObject *arg)
{
    const char *name = PyUnicode_AsUTF8(arg);
    if (name == NULL) {
        return NULL;
    }
    if (target_choose(name) < 0) {
        return PyErr_Format(PyExc_ValueError, "no such SIMD target, or this machine cannot run it: %R", arg);
    }
    Py_RETURN_NONE;
}

/* [(name, whether this machine can run it)], slowest first. */
static PyObject *simd_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *table = PyList_New(0);
    for (int i = 0; table && i < target_count(); i++) {
        const struct target *target = target_at(i);
        PyObject *row = Py_BuildValue("(sO)", target->name, target_is_usable(target) ? Py_True : Py_False);
        if (row == NULL || PyList_Append(table, row) < 0) {
            Py_CLEAR(table);
        }
        Py_XDECREF(row);
    }
    return table;
}

static int append_dtype(PyObject *table, const struct dtype *d)
{
    PyObject *row =
        Py_BuildValue("(si(LL)(LL)L)", d->name, d->width, (long long)d->relu.bias, (long long)d->relu.limit,
                      (long long)d->grad.bias, (long long)d->grad.limit, (long long)d->one);
    int status = row ? PyList_Append(table, row) : -1;
    Py_XDECREF(row);
    return status;
}

/* [(name, width, relu's (bias, limit), grad's (bias, limit), bits of one)], as in dtypes.def. */
static PyObject *dtype_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *table = PyList_New(0);
    for (int i = 0; table && i < N_BUILTIN + N_USER; i++) {
        if (append_dtype(table, i < N_BUILTIN ? &builtin_dtypes[i] : &user_dtypes[i - N_BUILTIN]) < 0) {
            Py_CLEAR(table);
        }
    }
    return table;
}

static PyObject *get_stream_threshold(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t(stream_threshold);
}

static PyObject *set_stream_threshold(PyObject *Py_UNUSED(module), PyObject *arg)
{
    const Py_ssize_t bytes = PyLong_AsSsize_t(arg);
    if (bytes == -1 && PyErr_Occurred()) {
        return NULL;
    }
    stream_threshold = bytes;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"get_simd_target", get_simd_target, METH_NOARGS, NULL},
    {"set_simd_target", set_simd_target, METH_O, NULL},
    {"simd_table", simd_table, METH_NOARGS, NULL},
    {"dtype_table", dtype_table, METH_NOARGS, NULL},
    {"get_stream_threshold", get_stream_threshold, METH_NOARGS, NULL},
    {"set_stream_threshold", set_stream_threshold, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int exec(PyObject *module)
{
    if (PyArray_ImportNumPyAPI() < 0 || PyUFunc_ImportUFuncAPI() < 0) {
        return -1;
    }
    dispatch_init();
    loops_init();
    for (int op = 0; op < N_OPS; op++) {
        if (add_ufunc(module, (enum op)op) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED}, /* as NumPy's core */
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "relu_ext._core", .m_doc = "The ufuncs of relu_ext, in C.",
    .m_methods = methods,  .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
