//! libtorch's fused convolution: convolution, bias, sum and rectifier in one pass of oneDNN.
//!
//! tch has no name for it, libtorch's C interface for compiled models does (`aoti_torch_cpu_mkldnn__convolution_pointwise`
//! of `torch/csrc/inductor/aoti_torch/c/shim_cpu.h`). Its handles are pointers to `at::Tensor`, which is what tch's are.
//! That interface is libtorch's own business and may change, so it is looked up when the program runs and tried on a
//! small convolution; where it is missing or gives anything else, convolutions take the plain way.

use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use tch::{Kind, TchError, Tensor};
use torch_sys::C_tensor;

/// `AtenTensorHandle`.
type Handle = *mut C_tensor;

/// `X, W, B, padding, stride, dilation, groups, attr, scalars, algorithm, ret0`; arrays with their lengths.
type Pointwise = unsafe extern "C" fn(
    Handle,
    Handle,
    *const Handle,
    *const i64,
    i64,
    *const i64,
    i64,
    *const i64,
    i64,
    i64,
    *const c_char,
    *const *const f64,
    i64,
    *const *const c_char,
    *mut Handle,
) -> i32;

/// `other, X, W, B, padding, stride, dilation, groups, binary_attr, alpha, unary_attr, unary_scalars, unary_algorithm,
/// ret0`; `other` is added to and returned.
type PointwiseBinary = unsafe extern "C" fn(
    Handle,
    Handle,
    Handle,
    *const Handle,
    *const i64,
    i64,
    *const i64,
    i64,
    *const i64,
    i64,
    i64,
    *const c_char,
    *const f64,
    *const *const c_char,
    *const *const f64,
    i64,
    *const *const c_char,
    *mut Handle,
) -> i32;

/// The two functions, looked up once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fused {
    pointwise: Pointwise,
    pointwise_binary: PointwiseBinary,
}

/// A convolution's numbers beside its tensors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) padding: [i64; 2],
    pub(super) stride: [i64; 2],
    pub(super) groups: i64,
}

const DILATION: [i64; 2] = [1, 1];

impl Fused {
    /// The functions of the libtorch that this process runs with, where they are there and give the right numbers.
    pub(super) fn find() -> Option<Self> {
        static FOUND: OnceLock<Option<Fused>> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let fused = tch::utils::has_mkldnn().then(Self::look_up).flatten()?;
            // Errors here are reasons to do without.
            fused.gives_the_plain_numbers().unwrap_or(false).then_some(fused)
        })
    }

    #[cfg(unix)]
    fn look_up() -> Option<Self> {
        let process = libloading::os::unix::Library::this();
        // SAFETY: the types are those that libtorch's header declares for these names.
        unsafe {
            let pointwise = *process.get::<Pointwise>(c"aoti_torch_cpu_mkldnn__convolution_pointwise").ok()?;
            let pointwise_binary =
                *process.get::<PointwiseBinary>(c"aoti_torch_cpu_mkldnn__convolution_pointwise_binary_").ok()?;
            Some(Self { pointwise, pointwise_binary })
        }
    }

    #[cfg(not(unix))]
    fn look_up() -> Option<Self> {
        None
    }

    /// The convolution of `x`, with `bias` and, where `relu`, rectified.
    ///
    /// `kernel` is a dense OIHW tensor, or one that oneDNN has packed.
    pub(super) fn convolve(
        self,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        window: Window,
        relu: bool,
    ) -> Result<Tensor, TchError> {
        let attribute = if relu { c"relu" } else { c"none" };
        let (mut output, bias) = (null_mut(), bias.map(handle));
        // SAFETY: the handles are of live tensors, the arrays as long as said, and no argument is kept. Optional
        // arguments that are absent are null.
        let status = unsafe {
            (self.pointwise)(
                handle(x),
                handle(kernel),
                bias.as_ref().map_or(null(), std::ptr::from_ref),
                window.padding.as_ptr(),
                2,
                window.stride.as_ptr(),
                2,
                DILATION.as_ptr(),
                2,
                window.groups,
                attribute.as_ptr(),
                null(),
                0,
                null(),
                &raw mut output,
            )
        };
        taken(status, output)
    }

    /// The same, added to `sum`, which is written over; the rectifier comes last.
    pub(super) fn convolve_onto(
        self,
        sum: Tensor,
        x: &Tensor,
        kernel: &Tensor,
        bias: Option<&Tensor>,
        window: Window,
        relu: bool,
    ) -> Result<Tensor, TchError> {
        let (mut output, bias, alpha) = (null_mut(), bias.map(handle), 1.0_f64);
        let relu = relu.then_some(CStr::as_ptr(c"relu"));
        // SAFETY: as above; `sum` is owned, so that nobody else reads what is written over.
        let status = unsafe {
            (self.pointwise_binary)(
                handle(&sum),
                handle(x),
                handle(kernel),
                bias.as_ref().map_or(null(), std::ptr::from_ref),
                window.padding.as_ptr(),
                2,
                window.stride.as_ptr(),
                2,
                DILATION.as_ptr(),
                2,
                window.groups,
                c"add".as_ptr(),
                &raw const alpha,
                relu.as_ref().map_or(null(), std::ptr::from_ref),
                null(),
                0,
                null(),
                &raw mut output,
            )
        };
        taken(status, output)
    }

    /// Both functions on a small convolution whose sums are whole numbers, so that every order gives the same.
    fn gives_the_plain_numbers(self) -> Result<bool, TchError> {
        let options = (Kind::Float, tch::Device::Cpu);
        // Whole numbers around 0, NCHW in channels-last memory.
        let whole = |[n, c, h, w]: [i64; 4], modulus: i64| {
            let values = Tensor::f_arange(n * h * w * c, options)?.f_remainder(modulus)?.f_sub_scalar(modulus / 2)?;
            values.f_view([n, h, w, c])?.f_permute([0, 3, 1, 2])
        };
        let (x, kernel) = (whole([2, 3, 5, 4], 7)?, whole([4, 3, 3, 3], 5)?);
        let bias = Tensor::f_from_slice(&[1.0_f32, -2.0, 3.0, -4.0])?;
        let window = Window { padding: [1, 0], stride: [2, 1], groups: 1 };
        let plain = x.f_mkldnn_convolution(&kernel, Some(&bias), window.padding, window.stride, DILATION, 1)?;
        let (n, c, h, w) = plain.size4()?;
        let sum = whole([n, c, h, w], 41)?;
        let copy = || whole([n, c, h, w], 41);
        let one = self.convolve(&x, &kernel, Some(&bias), window, true)?;
        let two = self.convolve_onto(copy()?, &x, &kernel, Some(&bias), window, true)?;
        let three = self.convolve_onto(copy()?, &x, &kernel, None, window, false)?;
        let without = x.f_mkldnn_convolution(&kernel, None::<&Tensor>, window.padding, window.stride, DILATION, 1)?;
        Ok(one.f_equal(&plain.f_relu()?)?
            && two.f_equal(&plain.f_add(&sum)?.f_relu()?)?
            && three.f_equal(&without.f_add(&sum)?)?)
    }
}

fn handle(tensor: &Tensor) -> Handle {
    tensor.as_ptr().cast_mut()
}

fn taken(status: i32, output: Handle) -> Result<Tensor, TchError> {
    if status != 0 || output.is_null() {
        // The C interface keeps the reason to itself, but for a line on standard error.
        return Err(TchError::Torch("the fused convolution failed; libtorch has written the reason above".to_owned()));
    }
    // SAFETY: on success the handle is a new `at::Tensor` that the caller owns.
    Ok(unsafe { Tensor::from_ptr(output) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libtorch 2.11, the version that this workspace builds against, has the functions wherever it has oneDNN.
    #[test]
    fn the_functions_are_found() {
        assert_eq!(Fused::find().is_some(), tch::utils::has_mkldnn() && cfg!(unix));
    }

    #[test]
    fn a_failure_is_an_error() {
        let Some(fused) = Fused::find() else { return };
        let options = (Kind::Float, tch::Device::Cpu);
        let (x, kernel) = (Tensor::zeros([1, 3, 4, 4], options), Tensor::zeros([2, 5, 1, 1], options));
        let window = Window { padding: [0, 0], stride: [1, 1], groups: 1 };
        let error = fused.convolve(&x, &kernel, None, window, false).unwrap_err();
        assert!(error.to_string().contains("fused convolution failed"), "{error}");
    }
}
