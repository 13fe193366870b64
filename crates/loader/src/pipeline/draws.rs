//! What is drawn for the samples of a batch, before any of them is read.

use crate::augment::Transform;
use crate::error::LoaderError;
use crate::flow::Flow;
use crate::generator::Compat;
use crate::random::{Domain, Keras3Draws, KeyedRng, file_hash};

/// What is drawn for one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) transform: Transform,
    /// The number in the name of the file that the augmented image is saved to.
    pub(super) file_hash: u32,
}

/// The draws of one flow.
#[derive(Debug)]
pub(super) struct Draws<'a> {
    flow: &'a Flow,
}

impl<'a> Draws<'a> {
    pub(super) fn new(flow: &'a Flow) -> Self {
        Self { flow }
    }

    /// Every sample once, in the order of `epoch`, in place of what `order` holds.
    ///
    /// # Errors
    ///
    /// Keras 3 has no such epoch: its seeds end.
    pub(super) fn order(&self, epoch: u64, order: &mut Vec<u32>) -> Result<(), LoaderError> {
        match self.flow.generator().compat {
            Compat::Documented => self.flow.sampler().order_into(epoch, order),
            Compat::Keras3 => *order = self.keras3().order(epoch)?,
        }
        Ok(())
    }

    /// What is drawn for `samples`, which are batch `index` of `epoch`, in their order, in place of what `draws` holds.
    ///
    /// # Errors
    ///
    /// As [`order`](Self::order).
    pub(super) fn batch(
        &self,
        epoch: u64,
        index: usize,
        samples: &[usize],
        draws: &mut Vec<Draw>,
    ) -> Result<(), LoaderError> {
        let (generator, options) = (self.flow.generator(), self.flow.options());
        draws.clear();
        match generator.compat {
            Compat::Documented => {
                let rng = |domain, sample: usize| KeyedRng::new(options.seed, domain, epoch, sample as u64);
                let draw = |&sample: &usize| Draw {
                    transform: Transform::draw(generator, options.target_size, &mut rng(Domain::Augmentation, sample)),
                    file_hash: rng(Domain::FileName, sample).below(10_000_000) as u32,
                };
                draws.extend(samples.iter().map(draw));
            }
            Compat::Keras3 => {
                let mut rng = self.keras3().batch(epoch, index as u64)?;
                for _ in samples {
                    let transform = Transform::draw_keras3(generator, options.target_size, &mut rng);
                    draws.push(Draw { transform, file_hash: 0 });
                }
                for draw in draws {
                    draw.file_hash = file_hash(&mut rng);
                }
            }
        }
        Ok(())
    }

    fn keras3(&self) -> Keras3Draws {
        let options = self.flow.options();
        Keras3Draws {
            seed: options.seed,
            samples: self.flow.samples() as u32,
            // Keras has no epochs that are cut short.
            batches_per_epoch: self.flow.samples().div_ceil(options.batch_size) as u64,
            shuffle: options.shuffle,
        }
    }
}
