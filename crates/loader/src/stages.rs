//! Single steps of the pipeline, one image at a time, for tools and benchmarks.

pub use crate::decode::{Decoder, Deep, Extent, FileFormat, Image, Wanted, format_of};
pub use crate::resize::{Crop, DeepKind, DeepView, Resizer, View, keep_aspect_box};
pub use crate::standardize::{StandardizeScratch, save_image_levels};

use crate::decode::DecodeError;
use crate::flow::Flow;

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
        let (size, interpolation) = (options.target_size, options.interpolation);
        let image = self.decoder.decode_for(file, &options.decode, &flow.wanted())?;
        let crop = options.keep_aspect_ratio.then(|| keep_aspect_box(image.picture, size));
        let (height, width, channels) = (image.height, image.width, image.channels);
        if crop.as_ref().is_some_and(|crop| crop.height == 0 || crop.width == 0) {
            return Ok(image.picture);
        }
        if let Some(deep) = &image.deep {
            let view = DeepView { pixels: &deep.values, height, width, kind: deep.kind };
            self.deep.resize(size.0 * size.1, 0);
            self.resizer.resize_deep(view, crop, &mut self.deep, size, interpolation);
            return Ok(image.picture);
        }
        let view = View { pixels: &image.pixels, height, width, channels };
        self.levels.resize(size.0 * size.1 * channels, 0);
        match image.extent {
            Extent::Picked => self.levels.copy_from_slice(view.pixels),
            Extent::Whole => self.resizer.resize(view, crop, &mut self.levels, size, interpolation),
            Extent::Reduced(times) => {
                let picture = image.picture;
                self.resizer.resize_reduced(view, times, picture, crop, &mut self.levels, size, interpolation);
            }
        }
        Ok(image.picture)
    }

    /// The last image: `[height, width, channels]`, 0 to 255; meaningless where it was grey of more than 8 bits.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FlowOptions, ImageDataGenerator, Interpolation, LoaderOptions, PixelType, Pixels};

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
