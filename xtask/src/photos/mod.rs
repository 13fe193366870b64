//! Photos drawn by this program, where no real ones can be had: skylines and countryside, as JPEG files.
//!
//! 36 training and 10 validation pictures of each class, of various sizes between 225x225 and 640x480. The same each
//! time: each picture's seed comes from its class and number.

mod canvas;
mod noise;
mod rural;
mod sky;
mod urban;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use self::canvas::Canvas;
use self::noise::Random;
use crate::{units, workspace};

/// Where to draw.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A folder that does not exist yet [default: input/drawn-photos in the workspace].
    dir: Option<PathBuf>,
}

/// Width and height in pixels.
const SIZES: [(usize, usize); 8] =
    [(225, 225), (320, 240), (400, 300), (500, 333), (640, 480), (512, 384), (300, 400), (360, 225)];
/// Folder and pictures per class.
const SPLITS: [(&str, u64); 2] = [("train", 36), ("val", 10)];
const JPEG_QUALITY: u8 = 88;

#[derive(Debug, Clone, Copy)]
struct Picture {
    split: &'static str,
    scene: Scene,
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    Rural,
    Urban,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = options.dir.clone().unwrap_or_else(|| workspace::root().join("input").join("drawn-photos"));
    draw_all(&folder)
}

/// Draws every picture into `folder`, which appears when all are there.
pub(crate) fn draw_all(folder: &Path) -> Result<()> {
    let start = Instant::now();
    if folder.exists() {
        bail!("{} exists already; nothing in it is overwritten", folder.display());
    }
    let name = folder.file_name().with_context(|| format!("{} has no name", folder.display()))?;
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let workshop = tempfile::Builder::new()
        .prefix(".drawing-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
    let made = workshop.path().join(name);
    let pictures = pictures();
    draw_in_parallel(&pictures, &made)?;
    fs::rename(&made, folder).with_context(|| format!("cannot rename {} to {}", made.display(), folder.display()))?;
    println!("{} photos drawn in {} ({})", pictures.len(), folder.display(), units::seconds(start.elapsed()));
    Ok(())
}

/// A scene of its own for each seed, in turn countryside and city: RGB, HWC, without the grain that a camera adds.
pub(crate) fn scene(seed: u64, width: usize, height: usize) -> Vec<u8> {
    let mut random = Random::new(1 << 34 | seed);
    let mut canvas = Canvas::new(width, height);
    match seed % 2 {
        0 => rural::draw(&mut canvas, &mut random),
        _ => urban::draw(&mut canvas, &mut random),
    }
    canvas.rgb()
}

fn pictures() -> Vec<Picture> {
    let mut pictures = Vec::new();
    for (split, count) in SPLITS {
        for scene in [Scene::Rural, Scene::Urban] {
            pictures.extend((1..=count).map(|number| Picture { split, scene, number }));
        }
    }
    pictures
}

fn draw_in_parallel(pictures: &[Picture], folder: &Path) -> Result<()> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || -> Result<()> {
        while let Some(picture) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
            picture.save(folder)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(())
    })
}

impl Picture {
    /// `urban_0007.jpg`
    fn path(self) -> PathBuf {
        let class = self.scene.class();
        Path::new(self.split).join(class).join(format!("{class}_{:04}.jpg", self.number))
    }

    fn draw(self) -> Canvas {
        let split = u64::from(self.split == "val");
        let scene = u64::from(self.scene == Scene::Urban);
        let mut random = Random::new(split << 33 | scene << 32 | self.number);
        let (width, height) = *random.pick(&SIZES);
        let mut canvas = Canvas::new(width, height);
        match self.scene {
            Scene::Rural => rural::draw(&mut canvas, &mut random),
            Scene::Urban => urban::draw(&mut canvas, &mut random),
        }
        canvas.expose(&mut random);
        canvas
    }

    fn save(self, folder: &Path) -> Result<()> {
        let path = folder.join(self.path());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        let bytes = jpeg(&self.draw()).with_context(|| format!("cannot encode {}", path.display()))?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Scene {
    fn class(self) -> &'static str {
        match self {
            Scene::Rural => "rural",
            Scene::Urban => "urban",
        }
    }
}

fn jpeg(canvas: &Canvas) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, JPEG_QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&canvas.rgb(), u16::try_from(canvas.width())?, u16::try_from(canvas.height())?, ColorType::Rgb)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(scene: Scene, number: u64) -> Picture {
        Picture { split: "train", scene, number }
    }

    #[test]
    fn there_are_72_to_train_on_and_20_to_validate() {
        let pictures = pictures();
        let of = |split| pictures.iter().filter(|picture| picture.split == split).count();
        assert_eq!((of("train"), of("val")), (72, 20));
        assert_eq!(picture(Scene::Urban, 7).path(), Path::new("train/urban/urban_0007.jpg"));
    }

    #[test]
    fn a_picture_is_the_same_each_time_and_no_other() {
        for scene in [Scene::Rural, Scene::Urban] {
            let bytes = |number| jpeg(&picture(scene, number).draw()).unwrap();
            assert_eq!(bytes(1), bytes(1));
            assert_ne!(bytes(1), bytes(2));
            assert!(bytes(1).starts_with(&[0xFF, 0xD8, 0xFF]), "a JPEG file");
        }
    }

    #[test]
    fn sizes_are_within_the_promised_range() {
        for (width, height) in SIZES {
            assert!((225..=640).contains(&width) && (225..=480).contains(&height), "{width}x{height}");
        }
    }

    #[test]
    fn the_classes_differ_as_photos_do() {
        // Countryside is greener than it is blue in its lower half; streets are not.
        let green = |scene| -> f64 {
            let excess = |canvas: Canvas| {
                let rgb = canvas.rgb();
                let lower = &rgb[rgb.len() / 2 / 3 * 3..];
                let sum: f64 = lower.chunks_exact(3).map(|p| f64::from(p[1]) - f64::from(p[2])).sum();
                sum / (lower.len() / 3) as f64
            };
            (1..=6).map(|number| excess(picture(scene, number).draw())).sum::<f64>() / 6.0
        };
        assert!(green(Scene::Rural) > green(Scene::Urban) + 15.0);
    }

    #[test]
    fn a_folder_that_exists_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let error = draw_all(folder.path()).expect_err("exists").to_string();
        assert!(error.contains("nothing in it is overwritten"), "{error}");
    }
}
