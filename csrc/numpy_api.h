/* Python's and NumPy's C API, for the files that know them: loops.c, fastcall.c and module.c. */
#ifndef NUMPY_API_H
#define NUMPY_API_H

#include <Python.h>

/* NumPy 2.2 has the C API of 2.1, and no name of its own for it. */
#define NPY_NO_DEPRECATED_API NPY_2_1_API_VERSION
#define NPY_TARGET_VERSION NPY_2_1_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL relu_ext_array_api
#define PY_UFUNC_UNIQUE_SYMBOL relu_ext_ufunc_api
#ifndef IMPORTS_NUMPY /* module.c does, once for all */
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>
#include "relu.h"

/* loops.c */
#define BUILTIN(...) +1
enum {
    N_BUILTIN = 0
#include "dtypes.def"
};
#define USER(...) +1
enum {
    N_USER = 0
#include "dtypes.def"
};
enum { N_LOOPS = N_BUILTIN + 3 }; /* and bool (relu only), long double, object */

struct loops {
    PyUFuncGenericFunction functions[N_LOOPS];
    void *data[N_LOOPS];
    char types[N_LOOPS * 3];
    int n_loops;
    PyUFuncGenericFunction dtype_loop; /* of every dtype that is a row: its `data` is the row */
};

extern struct loops loops[N_OPS];
extern const struct dtype builtin_dtypes[N_BUILTIN];
extern struct dtype user_dtypes[N_USER]; /* type_num is -1 until ml_dtypes is in use */

void loops_init(void);
extern const struct dtype *builtin_rows[NPY_NTYPES_LEGACY]; /* by type number */

INLINE const struct dtype *dtype_of(int type_num)
{
    if (type_num >= 0 && type_num < NPY_NTYPES_LEGACY) {
        return builtin_rows[type_num];
    }
    for (int i = 0; type_num >= NPY_USERDEF && i < N_USER; i++) {
        if (LOAD_ATOMIC(&user_dtypes[i].type_num) == type_num) {
            return &user_dtypes[i];
        }
    }
    return NULL;
}

/* module.c */
extern const char *const op_names[N_OPS];
/* Raises what relu_ext._errors.explain(how, name, what, the error that is set) returns, unless that is None. NULL. */
PyObject *explain(enum op op, const char *how, PyObject *const *what, Py_ssize_t n);

/* fastcall.c */
int fastcall_install(PyUFuncObject *ufunc, enum op op);

#endif
