//! Photos small enough to stand in a page.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xfer_loader::stages::{Decoder, Resizer, View};
use xfer_loader::{DecodeOptions, Interpolation};

/// The longer side, in pixels.
const SIDE: usize = 160;
const QUALITY: u8 = 78;
/// A longer file is not looked at: a page is no place to wait for it.
const MAX_BYTES: u64 = 256 << 20;

/// A photo as a `data:` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thumbnail {
    pub(super) address: String,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Makes thumbnails, one after the other.
#[derive(Default)]
pub(super) struct Thumbnails {
    decoder: Decoder,
    resizer: Resizer,
}

impl Thumbnails {
    /// The photo at `path`.
    ///
    /// # Errors
    ///
    /// Why there is no picture of it, in a few words.
    pub(super) fn make(&mut self, path: &Path, options: &DecodeOptions) -> Result<Thumbnail, String> {
        let file = fs::metadata(path).map_err(|_| "no longer there".to_owned())?;
        if !file.is_file() || file.len() > MAX_BYTES {
            return Err("not a photo of usual size".to_owned());
        }
        let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        let image = self.decoder.decode(&bytes, options).map_err(|error| error.to_string())?;
        let (from, longer) = ((image.height, image.width), image.height.max(image.width).max(1));
        let scaled = |side: usize| if longer <= SIDE { side } else { (side * SIDE / longer).max(1) };
        let (height, width) = (scaled(from.0), scaled(from.1));
        let mut pixels = vec![0; height * width * 3];
        let view = View { pixels: &image.pixels, height: from.0, width: from.1, channels: 3 };
        self.resizer.resize(view, None, &mut pixels, (height, width), Interpolation::Bilinear);
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, QUALITY)
            .encode(&pixels, width as u16, height as u16, jpeg_encoder::ColorType::Rgb)
            .map_err(|error| error.to_string())?;
        Ok(Thumbnail { address: format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)), width, height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_becomes_small_and_what_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ppm");
        fs::write(&path, [b"P6 640 320 255\n".as_slice(), &[200; 640 * 320 * 3]].concat()).unwrap();
        let made = Thumbnails::default().make(&path, &DecodeOptions::default()).unwrap();
        assert_eq!((made.width, made.height), (160, 80));
        assert!(made.address.starts_with("data:image/jpeg;base64,/9j/"), "{}", made.address);
        fs::write(&path, "nothing").unwrap();
        assert!(Thumbnails::default().make(&path, &DecodeOptions::default()).is_err());
        let gone = Thumbnails::default().make(&folder.path().join("b.jpg"), &DecodeOptions::default());
        assert_eq!(gone, Err("no longer there".to_owned()));
    }
}
