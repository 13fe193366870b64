//! Augmented images as files, to look at: Keras' `save_to_dir`.

use std::fmt;
use std::fs;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use image::{ExtendedColorType, ImageFormat};

use crate::error::{LoaderError, Stage};
use crate::flow::check;
use crate::standardize::save_image_levels;

/// Where augmented images are written, one file a sample and epoch: `{prefix}_{index}_{number}.{format}`, where `index`
/// is the sample's place in the index and `number` is drawn from the seed. Values are stretched from the image's own
/// lowest and highest to 0 to 255, after standardisation, as Keras does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveTo {
    /// The folder, which must be there.
    pub directory: PathBuf,
    /// What file names begin with. Keras' default is empty.
    pub prefix: String,
    /// The format. Default PNG.
    pub format: SaveFormat,
}

/// What augmented images are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaveFormat {
    /// `png`
    #[default]
    Png,
    /// `jpeg` or `jpg`, of quality 75; opacity is dropped.
    Jpeg,
    /// `bmp`
    Bmp,
}

impl fmt::Display for SaveFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Bmp => "bmp",
        })
    }
}

impl FromStr for SaveFormat {
    type Err = LoaderError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "png" => Ok(Self::Png),
            "jpeg" | "jpg" => Ok(Self::Jpeg),
            "bmp" => Ok(Self::Bmp),
            other => Err(LoaderError::InvalidOption {
                option: "save_format",
                expected: "png, jpeg, jpg or bmp",
                got: other.to_owned(),
            }),
        }
    }
}

impl SaveTo {
    pub(crate) fn check(&self, channels: usize) -> Result<(), LoaderError> {
        check(self.directory.is_dir(), "save_to_dir", "a folder that is there", self.directory.display())?;
        check(!self.prefix.contains(['/', '\0']), "save_prefix", "a part of a file name", &self.prefix)?;
        let bmp = self.format == SaveFormat::Bmp && channels == 4;
        check(!bmp, "save_format", "png where images have opacity", self.format)
    }

    /// Writes one standardised image: HWC, `[height, width, channels]`.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or is there with another content.
    pub(crate) fn save(
        &self,
        values: &[f32],
        (height, width, channels): (usize, usize, usize),
        (sample, number): (usize, u32),
    ) -> Result<(), LoaderError> {
        let path = self.directory.join(format!("{}_{sample}_{number}.{}", self.prefix, self.format));
        let mut levels = vec![0; values.len()];
        save_image_levels(values, &mut levels);
        self.encode(levels, (height, width, channels))
            .and_then(|bytes| publish(&path, &bytes))
            .map_err(|source| LoaderError::Io { path, stage: Stage::Save, source })
    }

    fn encode(&self, mut levels: Vec<u8>, (height, width, channels): (usize, usize, usize)) -> io::Result<Vec<u8>> {
        let (format, color) = match (self.format, channels) {
            (SaveFormat::Jpeg, 4) => {
                levels =
                    levels.as_chunks::<4>().0.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect();
                (ImageFormat::Jpeg, ExtendedColorType::Rgb8)
            }
            (format, channels) => {
                let color = match channels {
                    1 => ExtendedColorType::L8,
                    4 => ExtendedColorType::Rgba8,
                    _ => ExtendedColorType::Rgb8,
                };
                let format = match format {
                    SaveFormat::Png => ImageFormat::Png,
                    SaveFormat::Jpeg => ImageFormat::Jpeg,
                    SaveFormat::Bmp => ImageFormat::Bmp,
                };
                (format, color)
            }
        };
        let mut bytes = Cursor::new(Vec::new());
        image::write_buffer_with_format(&mut bytes, &levels, width as u32, height as u32, color, format)
            .map_err(io::Error::other)?;
        Ok(bytes.into_inner())
    }
}

/// Gives `bytes` their name, whole or not at all. The same run writes the same files again; another file stays.
fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists && fs::read(path)? == bytes => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_the_stretched_image_and_are_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for (format, name) in [(SaveFormat::Png, "aug_3_77.png"), (SaveFormat::Bmp, "aug_3_77.bmp")] {
            let save_to = SaveTo { directory: folder.path().to_owned(), prefix: "aug".to_owned(), format };
            let values = [-1.0, 0.0, 1.0, 0.5, 0.5, 0.5];
            save_to.save(&values, (1, 2, 3), (3, 77)).unwrap();
            save_to.save(&values, (1, 2, 3), (3, 77)).unwrap();
            let read = image::open(folder.path().join(name)).unwrap().into_rgb8();
            assert_eq!(read.as_raw()[..], [0, 127, 255, 191, 191, 191], "{name}");
            let error = save_to.save(&[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], (1, 2, 3), (3, 77)).unwrap_err();
            assert!(error.to_string().ends_with(&format!("{name}: cannot save")), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn folders_that_are_not_there_are_refused() {
        let save_to = SaveTo { directory: "nowhere".into(), prefix: String::new(), format: SaveFormat::Png };
        assert!(save_to.check(3).unwrap_err().to_string().contains("save_to_dir: expected a folder"));
    }
}
