//! Single steps of the pipeline, one image at a time, for tools and benchmarks.

pub use crate::decode::{Decoder, Deep, Extent, FileFormat, Image, Wanted, format_of};
pub use crate::resize::{Crop, DeepKind, DeepView, Resizer, View, keep_aspect_box};
pub use crate::standardize::{StandardizeScratch, save_image_levels};

use crate::decode::DecodeError;
use crate::flow::{Flow, FlowOptions};

/// Files to images of a flow's size, as a thread of its streams makes them: no more is decoded than the size asks for.
#[derive(Debug, Default)]
pub struct Fitter {
    decoder: Decoder,
    resizer: Resizer,
    levels: Vec<u8>,
    deep: Vec<i32>,
}

impl Fitter {
    /// One that has seen no file yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes and resizes the image in `file`, without augmentation; (height, width) of the picture in it.
    ///
    /// # Errors
    ///
    /// The file cannot be decoded.
    pub fn fit(&mut self, file: &[u8], flow: &Flow) -> Result<(usize, usize), DecodeError> {
        let options = flow.options();
        let size = options.target_size;
        let image = self.decoder.decode_for(file, &options.decode, &flow.wanted())?;
        let values = size.0 * size.1 * image.channels;
        if image.deep.is_some() {
            self.deep.resize(values, 0);
            resize_deep(image, options, &mut self.resizer, &mut self.deep);
        } else {
            self.levels.resize(values, 0);
            resize_levels(image, options, &mut self.resizer, &mut self.levels);
        }
        Ok(image.picture)
    }

    /// The last image: `[height, width, channels]`, 0 to 255; meaningless where it was grey of more than 8 bits.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }
}

/// An image of 8 bits a channel, as [`Decoder::decode_for`] made it, resized into `out`; `None` where keeping its proportions
/// leaves nothing of it.
pub(crate) fn resize_levels(image: &Image, options: &FlowOptions, resizer: &mut Resizer, out: &mut [u8]) -> Option<()> {
    let crop = crop(image, options)?;
    let view = View { pixels: &image.pixels, height: image.height, width: image.width, channels: image.channels };
    let (to, interpolation) = (options.target_size, options.interpolation);
    match image.extent {
        Extent::Whole => resizer.resize(view, crop, out, to, interpolation),
        Extent::Picked => out.copy_from_slice(view.pixels),
        Extent::Reduced(n) => resizer.resize_reduced(view, n, image.picture, crop, out, to, interpolation),
    }
    Some(())
}

/// The same of an image of grey of more than 8 bits; nothing happens where it is none.
pub(crate) fn resize_deep(image: &Image, options: &FlowOptions, resizer: &mut Resizer, out: &mut [i32]) -> Option<()> {
    let crop = crop(image, options)?;
    if let Some(deep) = &image.deep {
        let view = DeepView { pixels: &deep.values, height: image.height, width: image.width, kind: deep.kind };
        resizer.resize_deep(view, crop, out, options.target_size, options.interpolation);
    }
    Some(())
}

/// The part of an image that is resized, if anything of it is left; all of it unless proportions are to be kept.
#[expect(clippy::option_option, reason = "no crop, and no part of the image, are two things")]
fn crop(image: &Image, options: &FlowOptions) -> Option<Option<Crop>> {
    if !options.keep_aspect_ratio {
        return Some(None);
    }
    let crop = keep_aspect_box(image.picture, options.target_size);
    (crop.height > 0 && crop.width > 0).then_some(Some(crop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ImageDataGenerator, Interpolation, LoaderOptions, PixelType, Pixels};

    #[test]
    fn an_image_is_that_of_a_stream() {
        let folder = tempfile::tempdir().unwrap();
        let pixel = |place: u32| (place.wrapping_mul(7919) % 251) as u8;
        let ppm: Vec<u8> = b"P6 90 70 255\n".iter().copied().chain((0..90 * 70 * 3).map(pixel)).collect();
        std::fs::write(folder.path().join("a.ppm"), &ppm).unwrap();
        for (interpolation, keep_aspect_ratio) in [(Interpolation::Nearest, false), (Interpolation::Bilinear, true)] {
            let options = FlowOptions {
                target_size: (20, 31),
                interpolation,
                keep_aspect_ratio,
                pixel_type: PixelType::U8,
                ..FlowOptions::default()
            };
            let flow = ImageDataGenerator::new().flow_from_files(folder.path(), options).unwrap();
            let batch = flow.stream(0..1, &LoaderOptions::default()).unwrap().blocking().next().unwrap().unwrap();
            let Pixels::U8(expected) = batch.pixels() else { panic!("bytes were asked for") };
            let mut fitter = Fitter::new();
            assert_eq!(fitter.fit(&ppm, &flow).unwrap(), (70, 90));
            assert_eq!(fitter.levels(), expected);
        }
    }
}
