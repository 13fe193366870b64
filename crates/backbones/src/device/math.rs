//! How CUDA computes: which shortcuts cuDNN may take.
//!
//! PyTorch lets cuDNN round the inputs of f32 convolutions to TF32 unless told otherwise, which no binding tells it. The
//! switches are methods of `at::Context`, which libtorch exports; they are called by their mangled names, which are
//! part of the ABI of the one release that this crate is built for, with nothing but pointers, enumerations and a bool
//! as arguments. What was set is read back. The alternative, `NVIDIA_TF32_OVERRIDE=0` in the environment, would have to
//! be there before the process starts, and cannot be read back.

use std::ffi::{c_int, c_void};

use super::symbols;

/// What CUDA may do to be faster. By default nothing that changes a digit: features are repeatable on one device, and
/// within f32 rounding of the CPU's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CudaMath {
    /// f32 convolutions may round their inputs to TF32, 10 bits of mantissa instead of 23: faster on devices from
    /// Ampere on, and features are off by about 1e-3 of their norm.
    pub tf32: bool,
    /// cuDNN may time its algorithms whenever a batch has a new shape, and take the fastest. Which one wins may differ
    /// from run to run, and the last digits of features with it. Otherwise it chooses by a fixed rule.
    pub autotune: bool,
}

/// `at::Float32Backend`, `at::Float32Op` and `at::Float32Precision` of `ATen/Context.h`.
const BACKEND_CUDA: c_int = 1;
const OP_CONV: c_int = 1;
const OP_RNN: c_int = 2;
const IEEE: c_int = 1;
const TF32: c_int = 2;

/// `at::Context& at::globalContext()`
type GlobalContext = unsafe extern "C" fn() -> *mut c_void;
/// `void at::Context::setFloat32Precision(Float32Backend, Float32Op, Float32Precision)`
type SetPrecision = unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int);
/// `Float32Precision at::Context::float32Precision(Float32Backend, Float32Op) const`
type GetPrecision = unsafe extern "C" fn(*const c_void, c_int, c_int) -> c_int;
/// `void at::Context::setDeterministicCuDNN(bool)`
type SetDeterministic = unsafe extern "C" fn(*mut c_void, bool);

/// Tells libtorch; or says why it cannot be told, and then CUDA must not be used, since nobody knows what it computes.
pub(super) fn apply(math: CudaMath) -> Result<(), String> {
    let context = context()?;
    let wanted = if math.tf32 { TF32 } else { IEEE };
    // SAFETY: the names are those of the functions whose types these are.
    let set = unsafe {
        symbols::find::<SetPrecision>(
            "_ZN2at7Context19setFloat32PrecisionENS_14Float32BackendENS_9Float32OpENS_16Float32PrecisionE",
        )
    }?;
    for operation in [OP_CONV, OP_RNN] {
        // SAFETY: the context lives as long as the process. The function throws only for combinations that are not in
        // its table; these are.
        unsafe { set(context, BACKEND_CUDA, operation, wanted) };
    }
    if conv_precision(context)? != wanted {
        return Err("libtorch does not heed the precision of convolutions that was set".to_owned());
    }
    // SAFETY: as above.
    let deterministic = unsafe { symbols::find::<SetDeterministic>("_ZN2at7Context21setDeterministicCuDNNEb") }?;
    // SAFETY: it stores the value.
    unsafe { deterministic(context, !math.autotune) };
    tch::Cuda::cudnn_set_benchmark(math.autotune);
    Ok(())
}

fn context() -> Result<*mut c_void, String> {
    // SAFETY: the name is that of the function whose type this is.
    let global = unsafe { symbols::find::<GlobalContext>("_ZN2at13globalContextEv") }?;
    // SAFETY: it takes nothing, and returns a reference to an object that lives as long as the process.
    let context = unsafe { global() };
    if context.is_null() { Err("libtorch has no context".to_owned()) } else { Ok(context) }
}

fn conv_precision(context: *mut c_void) -> Result<c_int, String> {
    // SAFETY: the name is that of the function whose type this is.
    let get = unsafe {
        symbols::find::<GetPrecision>("_ZNK2at7Context16float32PrecisionENS_14Float32BackendENS_9Float32OpE")
    }?;
    // SAFETY: it reads a table of the context, in which this combination is.
    Ok(unsafe { get(context, BACKEND_CUDA, OP_CONV) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since the context is the process'.
    #[test]
    fn what_is_set_is_what_libtorch_has() {
        let precision = || conv_precision(context().unwrap()).unwrap();
        // TF32 is libtorch's own default; whoever loads CUDA takes it away.
        let loaded = crate::device::load_cuda().is_ok();
        assert_eq!(precision(), if loaded { IEEE } else { TF32 });
        apply(CudaMath { tf32: true, autotune: true }).unwrap();
        assert_eq!(precision(), TF32);
        apply(CudaMath::default()).unwrap();
        assert_eq!(precision(), IEEE);
    }
}
