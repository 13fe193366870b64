//! Single stages: one image, one thread.

use std::hint::black_box;
use std::io::Cursor;

use anyhow::{Context, Result, bail};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use xfer_loader::stages::{Decoder, Resizer, View, Wanted};
use xfer_loader::{DecodeOptions, Interpolation, Preprocessing};

use crate::{Case, Photos, SIDE};

pub(crate) fn read(photos: &Photos, corpus: &str) -> Result<Case> {
    let path = photos.path(corpus)?;
    let (bytes, pixels) = (photos.file(corpus)?.len(), decoded(photos, corpus)?.pixels());
    Ok(Case::of(1, pixels, bytes, move || {
        black_box(std::fs::read(&path)?);
        Ok(())
    }))
}

pub(crate) fn decode(photos: &Photos, corpus: &str, how: &str) -> Result<Case> {
    let picture = decoded(photos, corpus)?;
    let wanted =
        |interpolation| Some(Wanted { target: (SIDE, SIDE), interpolation, keep_aspect_ratio: false, scaled: true });
    let (file, wanted) = match how {
        "exact" => (photos.file(corpus)?, None),
        "nearest" => (photos.file(corpus)?, wanted(Interpolation::Nearest)),
        "scaled" => (photos.file(corpus)?, wanted(Interpolation::Bilinear)),
        "progressive" => (picture.progressive()?, None),
        "png" => (picture.png()?, None),
        _ => bail!("decode/{corpus}/{how}: no such case"),
    };
    let mut decoder = Decoder::new();
    Ok(Case::of(1, picture.pixels(), file.len(), move || {
        let options = DecodeOptions::default();
        let image = match &wanted {
            Some(wanted) => decoder.decode_for(&file, &options, wanted)?,
            None => decoder.decode(&file, &options)?,
        };
        black_box(image.pixels.as_ptr());
        Ok(())
    }))
}

pub(crate) fn resize(photos: &Photos, corpus: &str, interpolation: Interpolation) -> Result<Case> {
    let picture = decoded(photos, corpus)?;
    let (mut resizer, mut out) = (Resizer::new(), vec![0; SIDE * SIDE * 3]);
    Ok(Case::of(1, picture.pixels(), picture.values.len(), move || {
        let view = View { pixels: &picture.values, height: picture.height, width: picture.width, channels: 3 };
        resizer.resize(view, None, &mut out, (SIDE, SIDE), interpolation);
        black_box(out.as_ptr());
        Ok(())
    }))
}

pub(crate) fn standardize(photos: &Photos, preprocessing: Preprocessing) -> Result<Case> {
    let picture = decoded(photos, "web")?;
    let values = picture.values.get(..SIDE * SIDE * 3).context("a photo that is large enough")?.to_vec();
    let mut out = vec![0.0; values.len()];
    Ok(Case::of(1, SIDE * SIDE, values.len(), move || {
        preprocessing.apply(&values, &mut out);
        black_box(out.as_ptr());
        Ok(())
    }))
}

/// RGB, HWC.
pub(crate) struct Picture {
    values: Vec<u8>,
    height: usize,
    width: usize,
}

pub(crate) fn decoded(photos: &Photos, corpus: &str) -> Result<Picture> {
    let mut decoder = Decoder::new();
    let image = decoder.decode(&photos.file(corpus)?, &DecodeOptions::default())?;
    Ok(Picture { values: image.pixels.clone(), height: image.height, width: image.width })
}

impl Picture {
    pub(crate) fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn progressive(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 92);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_progressive(true);
        encoder.encode(&self.values, u16::try_from(self.width)?, u16::try_from(self.height)?, ColorType::Rgb)?;
        Ok(bytes)
    }

    fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(self.width)?, u32::try_from(self.height)?);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.values)?;
        Ok(bytes.into_inner())
    }
}
