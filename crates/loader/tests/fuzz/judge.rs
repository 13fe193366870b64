//! What must hold of every input, in each way of decoding it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use xfer_loader::stages::{Decoder, Extent, Image, Resizer, View, Wanted};
use xfer_loader::{Alpha, ColorMode, DecodeError, DecodeOptions, Depth16, ExifOrientation, Interpolation, MAX_PIXELS};

use crate::meter::most_held;
use crate::mutation::Dice;

/// Bytes that a decoder may take whatever its input, and those for each pixel of the picture. A file that is refused may
/// have stated [`MAX_PIXELS`], and no more.
const FIXED: usize = 8 << 20;
const PER_PIXEL: usize = 32;
const PER_PIXEL_REFUSED: usize = 16;

/// What was said so far.
#[derive(Default)]
pub(crate) struct Judge {
    resizer: Resizer,
    images: u64,
    errors: u64,
    most_held: usize,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { images, errors, most_held, .. } = self;
        write!(f, "{images} images, {errors} errors, {} MiB held at most", most_held >> 20)
    }
}

impl Judge {
    /// Judges what a decoder makes of `bytes` that has seen the file `before`.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub(crate) fn judge(&mut self, before: &[u8], bytes: &[u8], dice: &mut Dice) -> Result<(), String> {
        let options = options(dice);
        let mut warm = Decoder::new();
        let _ = contained(|| warm.decode(before, &options).is_ok())?;
        let whole = self.held(bytes, "whole", || warm.decode(bytes, &options).cloned())?;
        match &whole {
            Ok(image) => {
                self.images += 1;
                check(image, &options)?;
            }
            Err(error) => {
                self.errors += 1;
                assert!(!error.to_string().is_empty() && !error.reason().is_empty());
            }
        }
        for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
            let wanted = wanted(interpolation, whole.as_ref().ok(), dice);
            let name = format!("{wanted:?}");
            let part = self.held(bytes, &name, || warm.decode_for(bytes, &options, &wanted).cloned())?;
            self.compare(&whole, &part, &wanted)?;
        }
        // What was decoded before leaves no trace.
        let fresh = contained(|| Decoder::new().decode(bytes, &options).cloned())?;
        let same = match (&whole, &fresh) {
            (Ok(a), Ok(b)) => a == b,
            (Err(a), Err(b)) => a.to_string() == b.to_string(),
            _ => false,
        };
        if same { Ok(()) } else { Err(format!("a new decoder says otherwise ({options:?})")) }
    }

    /// Decodes within bounds of memory.
    fn held(
        &mut self,
        bytes: &[u8],
        what: &str,
        decode: impl FnOnce() -> Result<Image, DecodeError>,
    ) -> Result<Result<Image, DecodeError>, String> {
        let (decoded, held) = most_held(|| contained(decode));
        let decoded = decoded.map_err(|panic| format!("{what}: {panic}"))?;
        self.most_held = self.most_held.max(held);
        let limit = match &decoded {
            Ok(image) => image.picture.0 * image.picture.1 * PER_PIXEL,
            Err(_) => MAX_PIXELS as usize * PER_PIXEL_REFUSED,
        };
        if held > FIXED + limit {
            let told = decoded.as_ref().map_or_else(ToString::to_string, |image| format!("{:?}", image.picture));
            return Err(format!("{what}: {held} bytes held for {} bytes: {told}", bytes.len()));
        }
        Ok(decoded)
    }

    /// A part must fail where the whole does; and what nearest picks is what it picks from the whole.
    fn compare(
        &mut self,
        whole: &Result<Image, DecodeError>,
        part: &Result<Image, DecodeError>,
        wanted: &Wanted,
    ) -> Result<(), String> {
        let (whole, part) = match (whole, part) {
            (Ok(whole), Ok(part)) => (whole, part),
            (Err(whole), Err(part)) if whole.reason() == part.reason() => return Ok(()),
            (whole, part) => {
                let told = |decoded: &Result<Image, DecodeError>| match decoded {
                    Ok(image) => format!("{:?} of {}x{} pixels", image.extent, image.width, image.height),
                    Err(error) => error.to_string(),
                };
                return Err(format!("whole: {}; {wanted:?}: {}", told(whole), told(part)));
            }
        };
        match part.extent {
            Extent::Whole if whole != part => Err(format!("{wanted:?}: another whole picture")),
            Extent::Picked if whole.deep.is_none() => {
                let mut picked = vec![0; part.pixels.len()];
                let view =
                    View { pixels: &whole.pixels, height: whole.height, width: whole.width, channels: whole.channels };
                self.resizer.resize(view, None, &mut picked, wanted.target, Interpolation::Nearest);
                if picked == part.pixels { Ok(()) } else { Err(format!("{wanted:?}: other pixels")) }
            }
            Extent::Reduced(times) => {
                let size = (whole.height.div_ceil(times), whole.width.div_ceil(times));
                if (part.height, part.width) == size { Ok(()) } else { Err(format!("{wanted:?}: {size:?}")) }
            }
            _ => Ok(()),
        }
    }
}

fn options(dice: &mut Dice) -> DecodeOptions {
    if dice.below(2) == 0 {
        return DecodeOptions::default();
    }
    DecodeOptions {
        color_mode: *dice.pick(&[ColorMode::Rgb, ColorMode::Rgba, ColorMode::Grayscale]),
        exif: *dice.pick(&[ExifOrientation::Ignore, ExifOrientation::Apply]),
        depth16: *dice.pick(&[Depth16::Clip, Depth16::Scale]),
        alpha: *dice.pick(&[Alpha::Drop, Alpha::Composite([255, 128, 0])]),
    }
}

/// A size that the picture, if there is one, can be picked from or reduced to.
fn wanted(interpolation: Interpolation, whole: Option<&Image>, dice: &mut Dice) -> Wanted {
    let (height, width) = whole.map_or((64, 64), |image| image.picture);
    let mut side = |of: usize| 1 + dice.below((of / 2).clamp(1, 300));
    let target = (side(height), side(width));
    Wanted { target, interpolation, keep_aspect_ratio: false, scaled: true }
}

/// What the image says of itself is true.
fn check(image: &Image, options: &DecodeOptions) -> Result<(), String> {
    let channels = options.color_mode.channels();
    let values = image.height * image.width * channels;
    let has = image.deep.as_ref().map_or(image.pixels.len(), |deep| deep.values.len());
    let pixels = (image.height * image.width) as u64;
    if image.extent != Extent::Whole || image.channels != channels || has != values || pixels > MAX_PIXELS {
        return Err(format!("{has} values of {}x{} pixels", image.width, image.height));
    }
    Ok(())
}

/// A panic, as text.
fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let panic: &dyn Any = &*panic;
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        format!("a panic: {}", text.unwrap_or("of no text"))
    })
}
