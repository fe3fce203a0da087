# The overloads overlap on purpose: the first that matches counts. No ufunc can be subclassed at run time, and the calls
# are narrower than those of `np.ufunc`.
# mypy: disable-error-code="misc, overload-overlap, override"
# pyright: reportOverlappingOverload=false, reportIncompatibleMethodOverride=false

from collections.abc import Callable
from types import EllipsisType
from typing import (
    Any,
    Literal,
    LiteralString,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
    type_check_only,
)

import numpy as np
from numpy._typing import (
    _ArrayLikeBool_co,
    _DTypeLike,
    _NestedSequence,
    _SupportsArray,
    _UFunc_Nin1_Nout1,
    _UFunc_Nin2_Nout1,
)
from numpy.typing import ArrayLike, DTypeLike, NDArray

@type_check_only
class _Duck(Protocol):
    """An object that handles ufuncs itself, such as a DataFrame or a dask array.

    An ndarray takes certain literals as `method`, so that with str here it is none of these: it has to match by its
    dtype, or a boolean `x` of a gradient would not be noticed.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, /, *inputs: Any, **kwargs: Any) -> Any: ...

# What the gradients take as x. ArrayLike is not among it, because that may be boolean.
_Real: TypeAlias = np.integer[Any] | np.floating[Any] | np.object_
_RealArray: TypeAlias = np.ndarray[Any, np.dtype[_Real]]
_RealScalar: TypeAlias = float | np.integer[Any] | np.floating[Any]
_RealSequence: TypeAlias = _NestedSequence[_RealScalar | _SupportsArray[np.dtype[_Real]]]
_RealLike: TypeAlias = _RealScalar | _SupportsArray[np.dtype[_Real]] | _RealSequence

# Python's int and float are "weak": they take the dtype of what they meet.
_RealScalarNumPy: TypeAlias = np.integer[Any] | np.floating[Any]
_AnyScalar: TypeAlias = _RealScalar | np.bool
_TypedScalar: TypeAlias = np.integer[Any] | np.floating[Any] | np.bool

_RealArrayT = TypeVar("_RealArrayT", bound=_RealArray)
_RealScalarT = TypeVar("_RealScalarT", bound=np.integer[Any] | np.floating[Any])
_DuckT = TypeVar("_DuckT", bound=_Duck)
_OutT = TypeVar("_OutT", bound=np.ndarray[Any, Any])
_ResultT = TypeVar("_ResultT", bound=np.generic)  # of the dtype that dtype= names
_ShapeT = TypeVar("_ShapeT", bound=tuple[Any, ...])
_RealDTypeT = TypeVar("_RealDTypeT", bound=np.dtype[_Real])
_NameT = TypeVar("_NameT", bound=LiteralString)
_IntegerT = TypeVar("_IntegerT", bound=np.integer[Any])
_FloatingT = TypeVar("_FloatingT", bound=np.floating[Any])
# Constrained: with a bound, float32 and int32 would be joined to something that float64, their result, is not. And
# without longdouble, which older stubs of NumPy do not tell from the other floats.
_SameT = TypeVar(
    "_SameT",
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float16,
    np.float32,
    np.float64,
)

@type_check_only
class _Options(TypedDict, total=False):
    where: _ArrayLikeBool_co | None
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    subok: bool

@type_check_only
class _OutputIsScalar(_Options, total=False):
    out: None
    dtype: None

@type_check_only
class _OutputIsNew(_Options, total=False):
    out: EllipsisType | None
    dtype: None

@type_check_only
class _ForScalar(_Options, total=False):
    out: None

@type_check_only
class _ForArray(_Options, total=False):
    out: EllipsisType | None

@type_check_only
class _ReLU(_UFunc_Nin1_Nout1[Literal["relu"], Literal[16], None]):
    @overload
    def __call__(
        self, x: np.memmap[_ShapeT, _RealDTypeT], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, _RealDTypeT]: ...
    @overload
    def __call__(self, x: _RealArrayT, /, **kwargs: Unpack[_OutputIsNew]) -> _RealArrayT: ...
    @overload
    def __call__(
        self, x: np.ndarray[_ShapeT, np.dtype[np.bool]], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[np.intp]]: ...
    @overload
    def __call__(self, x: _RealScalarT, /, **kwargs: Unpack[_OutputIsScalar]) -> _RealScalarT: ...
    @overload
    def __call__(self, x: int | np.bool, /, **kwargs: Unpack[_OutputIsScalar]) -> np.intp: ...
    @overload
    def __call__(self, x: float, /, **kwargs: Unpack[_OutputIsScalar]) -> np.float64: ...
    @overload
    def __call__(self, x: _DuckT, /, **kwargs: Unpack[_OutputIsNew]) -> _DuckT: ...
    @overload
    def __call__(self, x: ArrayLike, /, **kwargs: Unpack[_OutputIsNew]) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        x: ArrayLike | _Duck,
        /,
        *,
        out: _OutT | tuple[_OutT],
        dtype: DTypeLike | None = None,
        signature: str | tuple[DTypeLike | None, ...] = ...,
        **kwargs: Unpack[_Options],
    ) -> _OutT: ...
    @overload
    def __call__(
        self,
        x: np.ndarray[_ShapeT, np.dtype[_Real | np.bool]],
        /,
        *,
        dtype: _DTypeLike[_ResultT],
        **kwargs: Unpack[_ForArray],
    ) -> np.ndarray[_ShapeT, np.dtype[_ResultT]]: ...
    @overload
    def __call__(self, x: _AnyScalar, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForScalar]) -> _ResultT: ...
    @overload
    def __call__(self, x: _DuckT, /, *, dtype: DTypeLike, **kwargs: Unpack[_ForArray]) -> _DuckT: ...
    @overload
    def __call__(
        self, x: ArrayLike, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForArray]
    ) -> NDArray[_ResultT]: ...
    @overload
    def __call__(self, x: ArrayLike, /, *, dtype: DTypeLike, **kwargs: Unpack[_ForArray]) -> Any: ...
    @overload
    def __call__(
        self, x: ArrayLike | _Duck, /, *, signature: str | tuple[DTypeLike | None, ...], **kwargs: Unpack[_ForArray]
    ) -> Any: ...

@type_check_only
class _Gradient(_UFunc_Nin1_Nout1[_NameT, Literal[15], None]):
    @overload
    def __call__(
        self, x: np.memmap[_ShapeT, _RealDTypeT], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, _RealDTypeT]: ...
    @overload
    def __call__(self, x: _RealArrayT, /, **kwargs: Unpack[_OutputIsNew]) -> _RealArrayT: ...
    @overload
    def __call__(self, x: _RealScalarT, /, **kwargs: Unpack[_OutputIsScalar]) -> _RealScalarT: ...
    @overload
    def __call__(self, x: int, /, **kwargs: Unpack[_OutputIsScalar]) -> np.intp: ...
    @overload
    def __call__(self, x: float, /, **kwargs: Unpack[_OutputIsScalar]) -> np.float64: ...
    @overload
    def __call__(self, x: _DuckT, /, **kwargs: Unpack[_OutputIsNew]) -> _DuckT: ...
    @overload
    def __call__(self, x: _RealLike, /, **kwargs: Unpack[_OutputIsNew]) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        x: _RealLike | _Duck,
        /,
        *,
        out: _OutT | tuple[_OutT],
        dtype: DTypeLike | None = None,
        signature: str | tuple[DTypeLike | None, ...] = ...,
        **kwargs: Unpack[_Options],
    ) -> _OutT: ...
    @overload
    def __call__(
        self, x: np.ndarray[_ShapeT, np.dtype[_Real]], /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForArray]
    ) -> np.ndarray[_ShapeT, np.dtype[_ResultT]]: ...
    @overload
    def __call__(self, x: _RealScalar, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForScalar]) -> _ResultT: ...
    @overload
    def __call__(self, x: _DuckT, /, *, dtype: DTypeLike, **kwargs: Unpack[_ForArray]) -> _DuckT: ...
    @overload
    def __call__(
        self, x: _RealLike, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForArray]
    ) -> NDArray[_ResultT]: ...
    @overload
    def __call__(self, x: _RealLike, /, *, dtype: DTypeLike, **kwargs: Unpack[_ForArray]) -> Any: ...
    @overload
    def __call__(
        self, x: _RealLike | _Duck, /, *, signature: str | tuple[DTypeLike | None, ...], **kwargs: Unpack[_ForArray]
    ) -> Any: ...

@type_check_only
class _Backward(_UFunc_Nin2_Nout1[_NameT, Literal[15], None]):
    @overload
    def __call__(
        self,
        dy: np.ndarray[_ShapeT, np.dtype[_SameT]],
        x: np.ndarray[_ShapeT, np.dtype[_SameT]],
        /,
        **kwargs: Unpack[_OutputIsNew],
    ) -> np.ndarray[_ShapeT, np.dtype[_SameT]]: ...
    @overload
    def __call__(
        self, dy: np.ndarray[_ShapeT, np.dtype[_SameT]], x: _SameT, /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_SameT]]: ...
    @overload
    def __call__(
        self, dy: _SameT, x: np.ndarray[_ShapeT, np.dtype[_SameT]], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_SameT]]: ...
    @overload  # a float64 is a float: it has to be met first
    def __call__(
        self, dy: np.ndarray[Any, np.dtype[_Real | np.bool]], x: _RealScalarNumPy, /, **kwargs: Unpack[_OutputIsNew]
    ) -> NDArray[Any]: ...
    @overload
    def __call__(self, dy: _TypedScalar, x: _RealArray, /, **kwargs: Unpack[_OutputIsNew]) -> NDArray[Any]: ...
    @overload
    def __call__(
        self, dy: np.ndarray[_ShapeT, np.dtype[_IntegerT]], x: int, /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_IntegerT]]: ...
    @overload
    def __call__(
        self, dy: int, x: np.ndarray[_ShapeT, np.dtype[_IntegerT]], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_IntegerT]]: ...
    @overload
    def __call__(
        self, dy: np.ndarray[_ShapeT, np.dtype[_FloatingT]], x: float, /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_FloatingT]]: ...
    @overload
    def __call__(
        self, dy: float, x: np.ndarray[_ShapeT, np.dtype[_FloatingT]], /, **kwargs: Unpack[_OutputIsNew]
    ) -> np.ndarray[_ShapeT, np.dtype[_FloatingT]]: ...
    @overload
    def __call__(self, dy: _SameT, x: _SameT, /, **kwargs: Unpack[_OutputIsScalar]) -> _SameT: ...
    @overload
    def __call__(self, dy: int, x: int, /, **kwargs: Unpack[_OutputIsScalar]) -> np.intp: ...
    @overload
    def __call__(self, dy: _TypedScalar, x: _RealScalar, /, **kwargs: Unpack[_OutputIsScalar]) -> Any: ...
    @overload
    def __call__(self, dy: _AnyScalar, x: _RealScalarNumPy, /, **kwargs: Unpack[_OutputIsScalar]) -> Any: ...
    @overload
    def __call__(self, dy: float, x: float, /, **kwargs: Unpack[_OutputIsScalar]) -> np.float64: ...
    @overload
    def __call__(self, dy: _DuckT, x: _DuckT | _RealLike, /, **kwargs: Unpack[_OutputIsNew]) -> _DuckT: ...
    @overload
    def __call__(self, dy: ArrayLike, x: _DuckT, /, **kwargs: Unpack[_OutputIsNew]) -> _DuckT: ...
    @overload
    def __call__(self, dy: ArrayLike, x: _RealLike, /, **kwargs: Unpack[_OutputIsNew]) -> NDArray[Any]: ...
    @overload
    def __call__(
        self,
        dy: ArrayLike | _Duck,
        x: _RealLike | _Duck,
        /,
        *,
        out: _OutT | tuple[_OutT],
        dtype: DTypeLike | None = None,
        signature: str | tuple[DTypeLike | None, ...] = ...,
        **kwargs: Unpack[_Options],
    ) -> _OutT: ...
    @overload
    def __call__(
        self, dy: _AnyScalar, x: _RealScalar, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForScalar]
    ) -> _ResultT: ...
    @overload
    def __call__(
        self, dy: ArrayLike, x: _RealLike, /, *, dtype: _DTypeLike[_ResultT], **kwargs: Unpack[_ForArray]
    ) -> NDArray[_ResultT]: ...
    @overload
    def __call__(
        self, dy: ArrayLike | _Duck, x: _RealLike | _Duck, /, *, dtype: DTypeLike, **kwargs: Unpack[_ForArray]
    ) -> Any: ...
    @overload
    def __call__(
        self,
        dy: ArrayLike | _Duck,
        x: _RealLike | _Duck,
        /,
        *,
        signature: str | tuple[DTypeLike | None, ...],
        **kwargs: Unpack[_ForArray],
    ) -> Any: ...

relu: _ReLU
relu_grad: _Gradient[Literal["relu_grad"]]
relu_backward: _Backward[Literal["relu_backward"]]
relu_grad_strict: _Gradient[Literal["relu_grad_strict"]]
relu_backward_strict: _Backward[Literal["relu_backward_strict"]]

explain: Callable[..., Exception | None]  # set by relu_ext

def get_simd_target() -> str: ...
def set_simd_target(name: str, /) -> None: ...
def simd_table() -> list[tuple[str, bool]]: ...
def dtype_table() -> list[tuple[str, int, tuple[int, int], tuple[int, int], int]]: ...
def register_dtype(ufunc: np.ufunc, name: str, dtype: DTypeLike, /) -> None: ...
def get_stream_threshold() -> int: ...
def set_stream_threshold(bytes: int, /) -> None: ...
