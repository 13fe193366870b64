//! Compute threads: one image at a time from a file's bytes to its slot.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_channel::Receiver;

use super::assembly::Slot;
use super::limits::Reservation;
use crate::augment::{Augmentation, flip_horizontal};
use crate::batch::PixelType;
use crate::decode::Decoder;
use crate::error::{LoaderError, Stage};
use crate::flow::{Flow, FlowOptions};
use crate::generator::ImageDataGenerator;
use crate::metrics::{self, Queue};
use crate::random::{Domain, KeyedRng};
use crate::resize::{Resizer, View};

/// A file that has been read.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) reserved: Reservation,
    pub(super) slot: Slot,
    pub(super) sample: usize,
    pub(super) epoch: u64,
}

#[derive(Debug)]
pub(super) struct Worker {
    generator: ImageDataGenerator,
    options: FlowOptions,
    name: &'static str,
    jobs: Receiver<Job>,
    cancelled: Arc<AtomicBool>,
    scratch: Scratch,
}

/// Buffers that stay warm from one image to the next.
#[derive(Debug, Default)]
struct Scratch {
    decoder: Decoder,
    resizer: Resizer,
    /// The resized image, where it is standardised into its slot.
    resized: Vec<u8>,
}

impl Worker {
    pub(super) fn new(flow: &Flow, name: &'static str, jobs: Receiver<Job>, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            generator: flow.generator().clone(),
            options: flow.options().clone(),
            name,
            jobs,
            cancelled,
            scratch: Scratch::default(),
        }
    }

    /// Works until the channel of jobs is closed and empty, or the stream is cancelled.
    pub(super) fn run(mut self) {
        while let Ok(job) = self.jobs.recv_blocking() {
            metrics::queue_depth(Queue::Compute, self.name, self.jobs.len());
            if self.cancelled.load(Ordering::Relaxed) {
                return;
            }
            self.process(job);
        }
    }

    fn process(&mut self, job: Job) {
        let Job { path, bytes, reserved, mut slot, sample, epoch } = job;
        let mut stage = Stage::Decode;
        let attempt = panic::catch_unwind(AssertUnwindSafe(|| {
            let started = Instant::now();
            let image = self.scratch.decoder.decode(&bytes)?;
            let decoded = Instant::now();
            metrics::stage(Stage::Decode, self.name, decoded - started);
            drop((bytes, reserved));

            stage = Stage::Resize;
            let out = &mut slot.bytes[..];
            let target = match self.options.pixel_type {
                PixelType::U8 => out,
                PixelType::F32 => {
                    self.scratch.resized.resize(self.options.values_per_sample(), 0);
                    &mut self.scratch.resized[..]
                }
            };
            let (height, width) = self.options.target_size;
            self.scratch.resizer.resize(
                View { pixels: &image.pixels, height: image.height, width: image.width, channels: 3 },
                None,
                target,
                (height, width),
                self.options.interpolation,
            );
            let mut rng = KeyedRng::new(self.options.seed, Domain::Augmentation, epoch, sample as u64);
            if Augmentation::draw(&self.generator, &mut rng).flip_horizontal {
                flip_horizontal(target, width);
            }
            if self.options.pixel_type == PixelType::F32 {
                self.generator.preprocessing.apply(&self.scratch.resized, bytemuck::cast_slice_mut(&mut slot.bytes));
            }
            metrics::stage(Stage::Resize, self.name, decoded.elapsed());
            Ok(())
        }));
        let result = match attempt {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(LoaderError::Decode { path, source }),
            Err(panic) => {
                self.scratch = Scratch::default();
                Err(LoaderError::Panicked { path, stage, message: message(panic.as_ref()) })
            }
        };
        metrics::image(self.name, result.as_ref().copied());
        slot.finish(result);
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
