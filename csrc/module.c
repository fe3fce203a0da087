/* The module: the five ufuncs, a promoter that meets the dtypes of ml_dtypes, and what lets Python look inside. */
#define IMPORTS_NUMPY
#include "numpy_api.h"

const char *const op_names[N_OPS] = {
    [RELU] = "relu",
    [GRAD] = "relu_grad",
    [BACKWARD] = "relu_backward",
    [GRAD_STRICT] = "relu_grad_strict",
    [BACKWARD_STRICT] = "relu_backward_strict",
};

/* The first import's, for all that follow. `core` is held since nothing can be imported while Python ends. */
static PyObject *core, *ufuncs[N_OPS];

PyObject *explain(enum op op, const char *how, PyObject *const *what, Py_ssize_t n)
{
    PyObject *type, *error, *traceback, *args, *better = NULL;
    PyErr_Fetch(&type, &error, &traceback);
    if (type) {
        PyErr_NormalizeException(&type, &error, &traceback);
        PyException_SetTraceback(error, traceback ? traceback : Py_None);
    }
    args = PyTuple_New(n);
    for (Py_ssize_t k = 0; args && k < n; k++) {
        PyTuple_SET_ITEM(args, k, Py_NewRef(what[k]));
    }
    if (args) {
        better = PyObject_CallMethod(core, "explain", "ssOO", how, op_names[op], args, error ? error : Py_None);
    }
    if (better == Py_None) {
        PyErr_Restore(Py_XNewRef(type), Py_XNewRef(error), Py_XNewRef(traceback));
    }
    else if (better) {
        PyErr_SetObject((PyObject *)Py_TYPE(better), better);
    }
    PyObject *const used[] = {type, error, traceback, args, better};
    for (int k = 0; k < 5; k++) {
        Py_XDECREF(used[k]);
    }
    return NULL;
}

/* By the loops that it was made with. */
static enum op op_of(PyUFuncObject *ufunc) { return (enum op)((struct loops *)(void *)ufunc->functions - loops); }

/* NumPy asks here when no loop fits the dtypes exactly. To fail without an error means: promote as ever, among all
 * loops, so also those that were registered just now. */
static int promote(PyObject *object, PyArray_DTypeMeta *const dtypes[], PyArray_DTypeMeta *const signature[],
                   PyArray_DTypeMeta *new_dtypes[])
{
    PyUFuncObject *ufunc = (PyUFuncObject *)object;
    PyArray_DTypeMeta *const of_out = signature[ufunc->nin]; /* by dtype=, or NULL */
    PyArray_DTypeMeta *const wanted = of_out || signature[0] != signature[ufunc->nin - 1] ? of_out : signature[0];
    const int n = ufunc->nin + (of_out != NULL);
    PyObject *scalar_types[N_OPERANDS] = {NULL};
    for (int k = 0; k < n; k++) {
        scalar_types[k] = (PyObject *)dtypes[k]->scalar_type;
    }
    explain(op_of(ufunc), "dtypes", scalar_types, n); /* refuses some, and registers those of ml_dtypes */
    if (PyErr_Occurred()) {
        return -1;
    }
    if (wanted == NULL || !PyTypeNum_ISUSERDEF(wanted->type_num) || dtype_of(wanted->type_num) == NULL) {
        return -1; /* of registered dtypes, NumPy's promotion by signature= and dtype= passes by the loops */
    }
    for (int k = 0; k < ufunc->nin; k++) {
        new_dtypes[k] = (PyArray_DTypeMeta *)Py_NewRef(signature[k] ? signature[k] : wanted);
    }
    /* NumPy looks again only where a dtype changes. One that is asked for has to be the loop's all the same. */
    new_dtypes[ufunc->nin] = of_out ? NULL : (PyArray_DTypeMeta *)Py_NewRef(wanted);
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

static PyObject *new_ufunc(enum op op)
{
    const int n_in = has_dy(op) ? 2 : 1;
    PyObject *ufunc = PyUFunc_FromFuncAndData(loops[op].functions, loops[op].data, loops[op].types, loops[op].n_loops,
                                              n_in, 1, PyUFunc_None, op_names[op], NULL, 0);
    if (ufunc && (add_promoter(ufunc, n_in + 1) < 0 || fastcall_install((PyUFuncObject *)ufunc, op) < 0)) {
        Py_CLEAR(ufunc); /* not reached: memory runs out during the import: NumPy crashes first */
    }
    return ufunc;
}

static PyObject *get_simd_target(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyUnicode_FromString(LOAD_ATOMIC(&active_target)->name);
}

static PyObject *set_simd_target(PyObject *Py_UNUSED(module), PyObject *arg)
{
    const char *name = PyUnicode_AsUTF8(arg);
    if (name && target_choose(name) < 0) {
        PyErr_Format(PyExc_ValueError, "no such SIMD target, or this machine cannot run it: %R", arg);
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* Takes over `row`; NULL where it or the list is. */
static PyObject *append(PyObject *list, PyObject *row)
{
    if (row == NULL || PyList_Append(list, row) < 0) {
        Py_CLEAR(list);
    }
    Py_XDECREF(row);
    return list;
}

/* [(name, whether this machine can run it)], slowest first. */
static PyObject *simd_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *table = PyList_New(0);
    for (int i = 0; table && targets[i]; i++) {
        PyObject *usable = target_is_usable(targets[i]) ? Py_True : Py_False;
        table = append(table, Py_BuildValue("(sO)", targets[i]->name, usable));
    }
    return table;
}

/* [(name, width, relu's (bias, limit), grad's (bias, limit), bits of one)], as in dtypes.def. */
static PyObject *dtype_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    PyObject *table = PyList_New(0);
    for (int i = 0; table && i < N_BUILTIN + N_USER; i++) {
        const struct dtype *d = i < N_BUILTIN ? &builtin_dtypes[i] : &user_dtypes[i - N_BUILTIN];
        const long long bits[] = {d->relu.bias, d->relu.limit, d->grad.bias, d->grad.limit, d->one};
        table = append(table,
                       Py_BuildValue("(si(LL)(LL)L)", d->name, d->width, bits[0], bits[1], bits[2], bits[3], bits[4]));
    }
    return table;
}

/* (ufunc, name of a row of ml_dtypes, its dtype): adds the row's loop. */
static PyObject *register_dtype(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyUFuncObject *ufunc;
    PyArray_Descr *descr;
    const char *name;
    int status = 0;
    if (!PyArg_ParseTuple(args, "O!sO&", &PyUFunc_Type, &ufunc, &name, PyArray_DescrConverter, &descr)) {
        return NULL; /* not reached: only relu_ext._errors calls this, with a ufunc */
    }
    for (struct dtype *row = user_dtypes; row < user_dtypes + N_USER; row++) {
        if (strcmp(row->name, name) == 0) {
            STORE_ATOMIC(&row->type_num, descr->type_num);
            status = PyUFunc_RegisterLoopForType(ufunc, descr->type_num, loops[op_of(ufunc)].dtype_loop, NULL, row);
        }
    }
    Py_DECREF(descr);
    return status < 0 || PyErr_Occurred() ? NULL : Py_NewRef(Py_None); /* NumPy may set an error and return 0 */
}

static PyObject *get_stream_threshold(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t(LOAD_ATOMIC(&stream_threshold));
}

static PyObject *set_stream_threshold(PyObject *Py_UNUSED(module), PyObject *arg)
{
    const Py_ssize_t bytes = PyLong_AsSsize_t(arg);
    if (bytes == -1 && PyErr_Occurred()) {
        return NULL; /* not reached: only tests call this, with a number */
    }
    STORE_ATOMIC(&stream_threshold, bytes);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"get_simd_target", get_simd_target, METH_NOARGS, NULL},
    {"set_simd_target", set_simd_target, METH_O, NULL},
    {"simd_table", simd_table, METH_NOARGS, NULL},
    {"dtype_table", dtype_table, METH_NOARGS, NULL},
    {"register_dtype", register_dtype, METH_VARARGS, NULL},
    {"get_stream_threshold", get_stream_threshold, METH_NOARGS, NULL},
    {"set_stream_threshold", set_stream_threshold, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* Python itself refuses only some subinterpreters. In any that imports NumPy first, it stays the only one that can. */
static int exec(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "module relu_ext._core does not support loading in subinterpreters");
        return -1;
    }
    if (PyArray_ImportNumPyAPI() < 0 || PyUFunc_ImportUFuncAPI() < 0) {
        return -1; /* not reached: memory runs out during the import: NumPy crashes first */
    }
    if (core == NULL) {
        core = Py_NewRef(module);
        dispatch_init();
        loops_init();
    }
    for (int op = 0; op < N_OPS; op++) {
        ufuncs[op] = ufuncs[op] ? ufuncs[op] : new_ufunc((enum op)op);
        if (ufuncs[op] == NULL || PyModule_AddObjectRef(module, op_names[op], ufuncs[op]) < 0) {
            return -1; /* not reached: memory runs out during the import: NumPy crashes first */
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
