//! Augmented images as files, to look at: Keras' `save_to_dir`.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jpeg_encoder::Encoder;

use crate::error::{LoaderError, Stage};
use crate::flow::check;
use crate::standardize::save_image_levels;

/// Where augmented images are written, one file a sample and epoch: `{prefix}_{index}_{number}.{format}`, where `index`
/// is the sample's place in the index and `number`, below 10,000,000, is drawn for the epoch. Values are stretched from
/// the image's own lowest and highest to 0 to 255, after standardisation, as Keras does. The same run writes the same
/// files again; a file that is there with another content is a failure, and stays.
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

/// Pillow's, and so Keras', with every second value of the colours in both directions.
const JPEG_QUALITY: u8 = 75;

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
        self.format
            .encode(&levels, (height, width, channels))
            .and_then(|bytes| publish(&path, &bytes))
            .map_err(|source| LoaderError::Io { path, stage: Stage::Save, source })
    }
}

impl SaveFormat {
    /// A file of `levels`, HWC.
    fn encode(self, levels: &[u8], (height, width, channels): (usize, usize, usize)) -> io::Result<Vec<u8>> {
        match self {
            Self::Png => png(levels, (height as u32, width as u32), channels),
            Self::Jpeg => jpeg(levels, (height as u16, width as u16), channels),
            Self::Bmp => Ok(bmp(levels, (height, width), channels)),
        }
    }
}

fn png(levels: &[u8], (height, width): (u32, u32), channels: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(match channels {
        1 => png::ColorType::Grayscale,
        4 => png::ColorType::Rgba,
        _ => png::ColorType::Rgb,
    });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(levels)?;
    writer.finish()?;
    Ok(bytes)
}

/// No side of a target has more than the 65,535 pixels that JPEG can say.
fn jpeg(levels: &[u8], (height, width): (u16, u16), channels: usize) -> io::Result<Vec<u8>> {
    let color = match channels {
        1 => jpeg_encoder::ColorType::Luma,
        4 => jpeg_encoder::ColorType::Rgba,
        _ => jpeg_encoder::ColorType::Rgb,
    };
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, JPEG_QUALITY).encode(levels, width, height, color).map_err(io::Error::other)?;
    Ok(bytes)
}

/// One or three channels: grey as a palette, colours as BGR. Rows go from the bottom up, each to a multiple of four
/// bytes.
fn bmp(levels: &[u8], (height, width): (usize, usize), channels: usize) -> Vec<u8> {
    const HEADERS: usize = 14 + 40;
    let palette = if channels == 1 { 256 } else { 0 };
    let offset = HEADERS + 4 * palette;
    let row = (width * channels).next_multiple_of(4);
    let mut bytes = Vec::with_capacity(offset + row * height);
    bytes.extend(b"BM");
    for number in [offset + row * height, 0, offset, 40, width, height] {
        bytes.extend((number as u32).to_le_bytes());
    }
    for number in [1, 8 * channels] {
        bytes.extend((number as u16).to_le_bytes());
    }
    for number in [0, row * height, 0, 0, palette, palette] {
        bytes.extend((number as u32).to_le_bytes());
    }
    bytes.extend((0..=255).take(palette).flat_map(|level: u8| [level, level, level, 0]));
    for line in levels.rchunks_exact(width * channels) {
        match channels {
            1 => bytes.extend(line),
            _ => bytes.extend(line.as_chunks::<3>().0.iter().flat_map(|&[red, green, blue]| [blue, green, red])),
        }
        bytes.resize(bytes.len() + row - width * channels, 0);
    }
    bytes
}

/// Gives `bytes` their name, whole or not at all. The same run writes the same files again; another file stays.
fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: the process' umask takes its part away. The default would be readable by the owner alone.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
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
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions(&folder.path().join("aug_3_77.png")), permissions(&plain));
    }

    #[test]
    fn every_format_takes_every_kind_of_image() {
        let levels: Vec<u8> = (0..5 * 7 * 4).map(|k| (k * 37 % 256) as u8).collect();
        for (height, width) in [(5, 7), (3, 4), (1, 1)] {
            for channels in [1, 3, 4] {
                let levels = &levels[..height * width * channels];
                for format in [SaveFormat::Png, SaveFormat::Bmp, SaveFormat::Jpeg] {
                    if (format, channels) == (SaveFormat::Bmp, 4) {
                        continue;
                    }
                    let bytes = format.encode(levels, (height, width, channels)).unwrap();
                    let read = image::load_from_memory(&bytes).unwrap();
                    assert_eq!((read.height() as usize, read.width() as usize), (height, width));
                    match (format, channels) {
                        (SaveFormat::Jpeg, 4) => assert_eq!(read.color().channel_count(), 3),
                        (SaveFormat::Jpeg, _) => assert_eq!(usize::from(read.color().channel_count()), channels),
                        // `image` makes colours of every palette.
                        (SaveFormat::Bmp, 1) => assert_eq!(read.into_luma8().as_raw(), levels),
                        _ => assert_eq!(read.as_bytes(), levels, "{format} of {channels} channels"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_jpeg_is_close_to_what_it_was_made_of() {
        let levels: Vec<u8> = (0..32 * 48).flat_map(|k| [(k / 48 * 8) as u8, (k % 48 * 5) as u8, 90]).collect();
        let bytes = SaveFormat::Jpeg.encode(&levels, (32, 48, 3)).unwrap();
        let read = image::load_from_memory(&bytes).unwrap().into_rgb8();
        let apart = read.as_raw().iter().zip(&levels).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
        assert!(apart < 3 * levels.len() as u32, "{apart} over {} values", levels.len());
    }

    #[test]
    fn folders_that_are_not_there_are_refused() {
        let save_to = SaveTo { directory: "nowhere".into(), prefix: String::new(), format: SaveFormat::Png };
        assert!(save_to.check(3).unwrap_err().to_string().contains("save_to_dir: expected a folder"));
    }
}
