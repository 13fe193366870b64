//! A user's own step on one image.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::error::StandardizeError;
use super::shape::ImageShape;

/// What a user's function fails with.
pub type FunctionError = Box<dyn Error + Send + Sync>;

type Function = dyn Fn(&mut [f32], ImageShape) -> Result<(), FunctionError> + Send + Sync;

/// A user's function on one image, in place: Keras' `preprocessing_function`.
///
/// It gets the image after augmentation and before everything else: HWC, `f32`, RGB levels in `0..=255` (a spline
/// may overshoot). It may change values and cannot change the shape. It is called from many threads at once, in no
/// order; what it gives should depend on the pixels alone, or a seed will not repeat its batches.
///
/// There are two constructors because most functions cannot fail, and should not have to end in `Ok(())`, while one
/// that can has no better way than an error that names the file: a panic would say less.
///
/// Two are equal when one is a clone of the other.
///
/// ```
/// # use xfer_loader::PreprocessingFunction;
/// let invert = PreprocessingFunction::new(|pixels, _shape| pixels.iter_mut().for_each(|x| *x = 255.0 - *x));
/// let colour = PreprocessingFunction::fallible(|_pixels, shape| {
///     if shape.channels == 3 { Ok(()) } else { Err(format!("{shape} is not colour").into()) }
/// });
/// assert_ne!(invert, colour);
/// ```
#[derive(Clone)]
pub struct PreprocessingFunction(Arc<Function>);

impl PreprocessingFunction {
    /// A function that cannot fail.
    pub fn new(function: impl Fn(&mut [f32], ImageShape) + Send + Sync + 'static) -> Self {
        Self::fallible(move |pixels, shape| {
            function(pixels, shape);
            Ok(())
        })
    }

    /// A function that can fail. Its error becomes the source of [`StandardizeError::Function`].
    pub fn fallible(
        function: impl Fn(&mut [f32], ImageShape) -> Result<(), FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(function))
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// [`StandardizeError::Function`] with the function's own error.
    pub fn call(&self, pixels: &mut [f32], shape: ImageShape) -> Result<(), StandardizeError> {
        (self.0)(pixels, shape).map_err(|source| StandardizeError::Function { source })
    }
}

impl PartialEq for PreprocessingFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for PreprocessingFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreprocessingFunction")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { height: 1, width: 2, channels: 1 };

    #[test]
    fn a_function_sees_and_changes_the_image() {
        let function = PreprocessingFunction::new(|pixels, shape| pixels[0] = shape.width as f32);
        let mut pixels = [7.0, 8.0];
        function.call(&mut pixels, SHAPE).unwrap();
        assert_eq!(pixels, [2.0, 8.0]);
    }

    #[test]
    fn its_error_is_the_source() {
        let function = PreprocessingFunction::fallible(|_, _| Err("too dark".into()));
        let error = function.call(&mut [0.0, 0.0], SHAPE).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "too dark");
        assert_eq!(error.reason(), "function");
    }

    #[test]
    fn clones_are_equal_and_twins_are_not() {
        let twin = || PreprocessingFunction::new(|_, _| {});
        let function = twin();
        assert_eq!(function, function.clone());
        assert_ne!(PreprocessingFunction::new(|pixels, _| pixels[0] = 1.0), function);
    }
}
