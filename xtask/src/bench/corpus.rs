//! What is measured on: folders of JPEG files that are drawn once, the same on every machine, and about as hard to
//! decode as photos of their size.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::texture::Texture;
use crate::{photos, units, workspace};

/// A folder of class folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// What a corpus is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    files: usize,
    width: usize,
    height: usize,
    quality: u8,
    /// Scenes drawn; files are parts of them, each with grain of its own.
    scenes: usize,
    /// Pixels of a file for each pixel of a scene, along a side: a large photo is not sharp to the pixel.
    enlarged: usize,
    /// The largest deviation that grain makes, in levels.
    grain: f32,
    /// Detail laid over the scene: its finest features in pixels, and its deviation in levels where there is any; of
    /// brightness, and of colour.
    finest: usize,
    detail: f32,
    tint: f32,
}

/// Tuned so that bits a pixel, coefficients a block that are not zero, and what libjpeg-turbo makes of them a second are
/// those of photos of the same size and quality, within a tenth or so.
pub(super) const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "web",
        files: 800,
        width: 500,
        height: 375,
        quality: 92,
        scenes: 80,
        enlarged: 1,
        grain: 7.0,
        finest: 1,
        detail: 25.0,
        tint: 1.0,
    },
    Recipe {
        name: "phone",
        files: 48,
        width: 4032,
        height: 3024,
        quality: 90,
        scenes: 12,
        enlarged: 3,
        grain: 3.0,
        finest: 2,
        detail: 18.0,
        tint: 2.0,
    },
    Recipe {
        name: "small",
        files: 800,
        width: 225,
        height: 225,
        quality: 75,
        scenes: 80,
        enlarged: 1,
        grain: 5.0,
        finest: 1,
        detail: 11.0,
        tint: 0.5,
    },
];

/// Changes with the recipes, so that files made by others are not mistaken for theirs.
const VERSION: &str = "2";
/// How far a scene reaches beyond the part that is shown, in parts of a hundred.
const MARGIN: usize = 25;

impl Recipe {
    /// The corpus in cargo's target folder; drawn if it is not there.
    pub(super) fn corpus(&self) -> Result<Corpus> {
        let parent = drawn();
        let corpus = Corpus { name: self.name.to_owned(), folder: parent.join(self.name) };
        if !corpus.folder.is_dir() {
            self.draw(&parent, &corpus.folder)?;
        }
        Ok(corpus)
    }

    /// The folder appears when everything is in it.
    fn draw(&self, parent: &Path, folder: &Path) -> Result<()> {
        let start = Instant::now();
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        let workshop = tempfile::Builder::new()
            .prefix(".drawing-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
        let made = workshop.path().join(self.name);
        for class in CLASSES {
            fs::create_dir_all(made.join(class)).with_context(|| format!("cannot create {}", made.display()))?;
        }
        self.draw_in_parallel(&made)?;
        fs::rename(&made, folder).with_context(|| format!("cannot move {} in place", folder.display()))?;
        eprintln!("{} photos drawn in {} ({})", self.files, folder.display(), units::seconds(start.elapsed()));
        Ok(())
    }

    fn draw_in_parallel(&self, folder: &Path) -> Result<()> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            loop {
                let scene = next.fetch_add(1, Ordering::Relaxed);
                if scene >= self.scenes {
                    return Ok(());
                }
                self.draw_scene(scene, folder)?;
            }
        };
        thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Every file that shows scene number `scene`.
    fn draw_scene(&self, scene: usize, folder: &Path) -> Result<()> {
        let (width, height) = self.scene_size();
        let pixels = photos::scene(scene as u64, width, height);
        let texture = Texture::new(scene as u64, self.finest);
        for number in (scene..self.files).step_by(self.scenes) {
            let path = folder.join(CLASSES[scene % 2]).join(format!("{number:05}.jpg"));
            let bytes =
                self.file(&pixels, &texture, number).with_context(|| format!("cannot encode {}", path.display()))?;
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn scene_size(&self) -> (usize, usize) {
        let side = |pixels: usize| (pixels.div_ceil(self.enlarged) * (100 + MARGIN)).div_ceil(100) + 1;
        (side(self.width), side(self.height))
    }

    /// A part of the scene, mirrored or not, with detail and grain: a JPEG file.
    fn file(&self, scene: &[u8], texture: &Texture, number: usize) -> Result<Vec<u8>> {
        let mut random = ChaCha8Rng::seed_from_u64(number as u64);
        let pixels = self.part(scene, texture, &mut random);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&pixels, u16::try_from(self.width)?, u16::try_from(self.height)?, ColorType::Rgb)?;
        Ok(bytes)
    }

    fn part(&self, scene: &[u8], texture: &Texture, random: &mut ChaCha8Rng) -> Vec<u8> {
        let (scene_width, scene_height) = self.scene_size();
        let mut below = |limit: usize| random.next_u32() as usize % limit.max(1);
        let left = below(scene_width - self.width.div_ceil(self.enlarged));
        let top = below(scene_height - self.height.div_ceil(self.enlarged));
        let mirrored = below(2) == 1;
        // Some photos are sharp and some are not: by a factor of two either way, as likely as not.
        let sharpness = (below(1001) as f32 / 1000.0 * 3.0 - 1.5).exp2();
        let (detail, tint) = (self.detail * sharpness, self.tint * sharpness);
        let step = 1.0 / self.enlarged as f32;
        let mut pixels = Vec::with_capacity(self.width * self.height * 3);
        for y in 0..self.height {
            let (row, down) = (top + y / self.enlarged, (y % self.enlarged) as f32 * step);
            for x in 0..self.width {
                let x = if mirrored { self.width - 1 - x } else { x };
                let (column, across) = (left + x / self.enlarged, (x % self.enlarged) as f32 * step);
                // Between two bytes lies the sum's triangle: what a sensor's noise looks like, near enough.
                let [a, b, ..] = random.next_u32().to_le_bytes();
                let grain = self.grain * ((f32::from(a) + f32::from(b)) / 255.0 - 1.0);
                let strength = texture.strength(x + left, y + top);
                let light = grain + strength * detail * texture.at(x + left, y + top);
                // Red and blue go apart, in places of their own.
                let warm = strength * tint * texture.at(x + left + 151, y + top + 67);
                let cold = strength * tint * texture.at(x + left + 311, y + top + 209);
                let added = [light + warm, light, light + cold];
                for channel in 0..3 {
                    let at = |dx: usize, dy: usize| {
                        let (column, row) = ((column + dx).min(scene_width - 1), (row + dy).min(scene_height - 1));
                        f32::from(scene[(row * scene_width + column) * 3 + channel])
                    };
                    let value = if self.enlarged == 1 {
                        at(0, 0)
                    } else {
                        let upper = at(0, 0) * (1.0 - across) + at(1, 0) * across;
                        let lower = at(0, 1) * (1.0 - across) + at(1, 1) * across;
                        upper * (1.0 - down) + lower * down
                    };
                    pixels.push((value + added[channel]).round().clamp(0.0, 255.0) as u8);
                }
            }
        }
        pixels
    }
}

const CLASSES: [&str; 2] = ["a", "b"];

/// One's own folder, as a corpus.
pub(crate) fn own(folder: &Path) -> Result<Corpus> {
    let folder = fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))?;
    let name = folder.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Corpus { name, folder })
}

/// Where the drawn ones are, each in a folder of its name.
pub(super) fn drawn() -> PathBuf {
    folder().join(VERSION)
}

/// Where corpora are kept.
pub(super) fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from);
    target.join("bench-corpora")
}

/// `files` files in two classes under `folder`: links to those of the corpus, over and over.
pub(crate) fn repeated(corpus: &Corpus, files: usize, folder: &Path) -> Result<Corpus> {
    let mut originals = Vec::new();
    for class in list(&corpus.folder)?.into_iter().filter(|path| path.is_dir()) {
        originals.extend(list(&class)?.into_iter().filter(|path| path.is_file()));
    }
    for class in CLASSES {
        fs::create_dir_all(folder.join(class)).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    for (number, original) in originals.iter().cycle().take(files).enumerate() {
        let extension = original.extension().unwrap_or_default();
        let link = folder.join(CLASSES[number % 2]).join(format!("{number:07}")).with_extension(extension);
        let linked = fs::hard_link(original, &link).or_else(|_| fs::copy(original, &link).map(drop));
        linked.with_context(|| format!("cannot make {}", link.display()))?;
    }
    Ok(Corpus { name: format!("{} x {files}", corpus.name), folder: folder.to_owned() })
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = || format!("cannot list {}", folder.display());
    let entries = fs::read_dir(folder).with_context(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().with_context(failed)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Recipe = Recipe {
        name: "tiny",
        files: 6,
        width: 48,
        height: 40,
        quality: 90,
        scenes: 2,
        enlarged: 2,
        grain: 6.0,
        finest: 2,
        detail: 10.0,
        tint: 3.0,
    };

    fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let in_class = |class: &str| list(&folder.join(class)).unwrap();
        let paths = CLASSES.iter().flat_map(|class| in_class(class));
        paths.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
    }

    #[test]
    fn a_corpus_is_the_same_each_time_and_no_two_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        TINY.draw(folder.path(), &first).unwrap();
        TINY.draw(folder.path(), &second).unwrap();
        let drawn = files(&first);
        assert_eq!(drawn, files(&second));
        assert_eq!(drawn.len(), 6);
        assert!(drawn.iter().enumerate().all(|(k, (_, bytes))| drawn[..k].iter().all(|(_, other)| other != bytes)));
        // A frame header: 40 rows of 48 columns, 3 components, the first (whatever its name) sampled 2 x 2.
        let is_header = |bytes: &[u8]| bytes.starts_with(&[8, 0, 40, 0, 48, 3]) && bytes[7] == 0x22;
        assert!(drawn.iter().all(|(_, bytes)| bytes.windows(8).any(is_header)));
    }

    #[test]
    fn many_files_are_made_of_few() {
        let place = tempfile::tempdir().unwrap();
        let drawn = place.path().join("tiny");
        TINY.draw(place.path(), &drawn).unwrap();
        let many = repeated(&own(&drawn).unwrap(), 15, &place.path().join("many")).unwrap();
        assert_eq!(many.name, "tiny x 15");
        assert_eq!(CLASSES.map(|class| list(&many.folder.join(class)).unwrap().len()), [8, 7]);
    }
}
