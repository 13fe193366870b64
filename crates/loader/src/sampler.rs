//! Which sample is in which batch: pure functions of (seed, epoch).

use std::ops::Range;

use crate::random::{Domain, KeyedRng};

/// Order and batches of one data set.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    pub(crate) samples: usize,
    pub(crate) batch_size: usize,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
    /// An epoch is cut to its first so many batches.
    pub(crate) max_batches: Option<usize>,
}

impl Sampler {
    /// Batches of one epoch: the last one may be smaller, as Keras leaves it.
    pub(crate) fn batches_per_epoch(&self) -> usize {
        let all = self.samples.div_ceil(self.batch_size);
        self.max_batches.map_or(all, |most| all.min(most))
    }

    /// Every sample once, in the order of `epoch`.
    #[cfg(test)]
    pub(crate) fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = Vec::new();
        self.order_into(epoch, &mut order);
        order
    }

    /// As `order`, in memory that is there.
    pub(crate) fn order_into(&self, epoch: u64, order: &mut Vec<u32>) {
        order.clear();
        order.extend(0..self.samples as u32);
        if self.shuffle {
            KeyedRng::new(self.seed, Domain::Order, epoch, 0).shuffle(order);
        }
    }

    /// Samples to take the place of `sample` should it fail in `epoch`, best first: of the same class where there are
    /// classes.
    pub(crate) fn replacements(
        &self,
        epoch: u64,
        sample: usize,
        labels: Option<&[u32]>,
    ) -> impl Iterator<Item = usize> + use<> {
        let fits = |&other: &usize| other != sample && labels.is_none_or(|labels| labels[other] == labels[sample]);
        let mut others: Vec<usize> = (0..self.samples).filter(fits).collect();
        KeyedRng::new(self.seed, Domain::Replacement, epoch, sample as u64).shuffle(&mut others);
        others.into_iter()
    }

    /// The places in the order of an epoch that batch `index` takes.
    pub(crate) fn batch(&self, index: usize) -> Range<usize> {
        let start = index * self.batch_size;
        start..(start + self.batch_size).min(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(samples: usize, batch_size: usize) -> Sampler {
        Sampler { samples, batch_size, shuffle: true, seed: 5, max_batches: None }
    }

    #[test]
    fn an_epoch_holds_every_sample_once() {
        for (samples, batch_size) in [(72, 12), (20, 20), (10, 4), (1, 32), (7, 1)] {
            let sampler = sampler(samples, batch_size);
            let order = sampler.order(3);
            let mut seen: Vec<u32> =
                (0..sampler.batches_per_epoch()).flat_map(|batch| order[sampler.batch(batch)].to_vec()).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..samples as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_last_batch_is_partial() {
        let sampler = sampler(10, 4);
        assert_eq!(sampler.batches_per_epoch(), 3);
        assert_eq!(sampler.batch(2), 8..10);
    }

    #[test]
    fn epochs_and_seeds_differ_and_repeat() {
        let a = sampler(50, 10);
        let b = Sampler { seed: 6, ..a.clone() };
        assert_eq!(a.order(1), a.order(1));
        assert_ne!(a.order(1), a.order(2));
        assert_ne!(a.order(1), b.order(1));
    }

    #[test]
    fn unshuffled_is_index_order() {
        let sampler = Sampler { shuffle: false, ..sampler(5, 2) };
        assert_eq!(sampler.order(9), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_epoch_can_be_cut_short() {
        let sampler = Sampler { max_batches: Some(2), ..sampler(10, 4) };
        assert_eq!(sampler.batches_per_epoch(), 2);
        let sampler = Sampler { max_batches: Some(9), ..sampler };
        assert_eq!(sampler.batches_per_epoch(), 3);
    }
}
