//! What is going to be loaded: known before any file is read.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::draws::{Draw, Draws};
use crate::augment::Transform;
use crate::error::LoaderError;
use crate::flow::Flow;
use crate::random::{Domain, KeyedRng};

/// The batches of some epochs of a [`Flow`], in order, as [`Flow::stream`] will load them: pure, nothing is read.
///
/// Yields one error, and ends, where there is no such epoch: the seeds of Keras 3 end.
#[derive(Clone, Debug)]
pub struct Schedule {
    flow: Flow,
    epochs: Range<u64>,
    /// The epoch that is being yielded, its order, and the next batch of it.
    current: Option<(u64, Vec<u32>, usize)>,
    views: Option<u64>,
}

/// A batch that is to be loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedBatch {
    /// The pass over the data that it belongs to, from 0.
    pub epoch: u64,
    /// Its place in that pass, from 0.
    pub index: usize,
    /// Its samples, in order.
    pub samples: Vec<PlannedSample>,
}

/// A sample that is to be loaded, with what is drawn for it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedSample {
    /// Its place in the index of the flow.
    pub sample: usize,
    pub(super) draw: Draw,
}

/// Which ways an image is mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flips {
    /// Left to right.
    pub horizontal: bool,
    /// Top to bottom.
    pub vertical: bool,
}

impl PlannedSample {
    /// How the image is mirrored, if that is all that is drawn for it.
    pub fn flips(&self) -> Option<Flips> {
        let Transform { flip_horizontal, flip_vertical, .. } = self.draw.transform;
        self.draw.transform.is_flips_only().then_some(Flips { horizontal: flip_horizontal, vertical: flip_vertical })
    }
}

impl PlannedSample {
    /// 64 bits of the SHA-256 of everything that is drawn for the image: a photo of which the same is drawn becomes the
    /// same image, whatever its place in the index.
    pub fn draw_digest(&self) -> u64 {
        let Transform { theta, tx, ty, shear, zx, zy, flip_horizontal, flip_vertical, channel_shift, brightness } =
            self.draw.transform;
        let mut digest = Sha256::new();
        [theta, tx, ty, shear, zx, zy].into_iter().for_each(|value| digest.update(value.to_le_bytes()));
        digest.update([flip_horizontal.into(), flip_vertical.into()]);
        for value in [channel_shift, brightness] {
            digest.update([value.is_some().into()]);
            digest.update(value.unwrap_or_default().to_le_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Schedule {
    pub(crate) fn new(flow: Flow, epochs: Range<u64>) -> Self {
        Self { flow, epochs, current: None, views: None }
    }

    /// Instead of new draws for each epoch, `views` draws for each sample: epoch `e` has draw `e % views`. A draw
    /// depends on the seed, its number and the sample alone, in either [`Compat`](crate::Compat).
    pub fn with_views(mut self, views: u64) -> Self {
        self.views = Some(views.max(1));
        self
    }

    /// Leaves out its next `batches` batches, which are drawn all the same.
    ///
    /// # Errors
    ///
    /// The schedule's own.
    pub fn skip_batches(mut self, batches: usize) -> Result<Self, LoaderError> {
        for _ in 0..batches {
            self.plan().transpose()?;
        }
        Ok(self)
    }

    /// Its epochs, where it is untouched and draws as the flow does.
    pub(super) fn whole_epochs(&self) -> Option<Range<u64>> {
        (self.current.is_none() && self.views.is_none()).then(|| self.epochs.clone())
    }

    pub(super) fn first_epoch(&self) -> u64 {
        self.epochs.start
    }

    /// Batches that are still to come.
    pub(super) fn left(&self) -> u128 {
        let batches = self.flow.batches_per_epoch() as u128;
        let begun = self.current.as_ref().map_or(0, |(_, _, next)| batches.saturating_sub(*next as u128));
        u128::from(self.epochs.end.saturating_sub(self.epochs.start)) * batches + begun
    }

    fn plan(&mut self) -> Option<Result<PlannedBatch, LoaderError>> {
        let sampler = self.flow.sampler();
        let (epoch, order, index) = match self.current.take() {
            Some(current) if current.2 < sampler.batches_per_epoch() => current,
            _ => {
                let epoch = self.epochs.next()?;
                let mut order = Vec::new();
                if let Err(error) = Draws::new(&self.flow).order(epoch, &mut order) {
                    return Some(Err(error));
                }
                (epoch, order, 0)
            }
        };
        let samples: Vec<usize> = order[sampler.batch(index)].iter().map(|&sample| sample as usize).collect();
        let mut draws = Vec::new();
        let drawn = match self.views {
            None => Draws::new(&self.flow).batch(epoch, index, &samples, &mut draws),
            Some(views) => {
                draws.extend(samples.iter().map(|&sample| self.view(sample, epoch % views)));
                Ok(())
            }
        };
        self.current = Some((epoch, order, index + 1));
        Some(drawn.map(|()| {
            let samples = samples.into_iter().zip(draws).map(|(sample, draw)| PlannedSample { sample, draw });
            PlannedBatch { epoch, index, samples: samples.collect() }
        }))
    }

    fn view(&self, sample: usize, view: u64) -> Draw {
        let (generator, options) = (self.flow.generator(), self.flow.options());
        let rng = |domain| KeyedRng::new(options.seed, domain, view, sample as u64);
        Draw {
            transform: Transform::draw(generator, options.target_size, &mut rng(Domain::Augmentation)),
            file_hash: rng(Domain::FileName).below(10_000_000) as u32,
        }
    }
}

impl Iterator for Schedule {
    type Item = Result<PlannedBatch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let planned = self.plan();
        if !matches!(planned, Some(Ok(_))) {
            (self.epochs, self.current) = (0..0, None);
        }
        planned
    }
}
