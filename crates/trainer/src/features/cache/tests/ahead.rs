//! Extractors that are handed batches ahead.

use std::cell::Cell;
use std::collections::VecDeque;

use super::*;
use crate::features::{FeatureQueue, SourceTime};

const DEPTH: usize = 3;

/// Keeps as many batches as it may, and notes how many those were at most.
#[derive(Default)]
struct Late {
    moments: Moments,
    most: Cell<usize>,
    /// Fails at the batch of this number when it is handed in, or when it is collected.
    fails: Option<(usize, bool)>,
}

struct Waiting<'a> {
    late: &'a Late,
    features: VecDeque<Vec<f32>>,
    taken: usize,
    given: usize,
}

impl FeatureExtractor for Late {
    fn feature_len(&self) -> usize {
        self.moments.feature_len()
    }

    fn identity(&self) -> Vec<(String, String)> {
        self.moments.identity()
    }

    fn extract(&self, batch: &Batch) -> Result<Vec<f32>, TrainerError> {
        self.moments.extract(batch)
    }

    fn queue(&self) -> Box<dyn FeatureQueue + '_> {
        Box::new(Waiting { late: self, features: VecDeque::new(), taken: 0, given: 0 })
    }
}

impl Waiting<'_> {
    fn failed(&self, number: usize, collected: bool) -> Result<(), TrainerError> {
        match self.late.fails {
            Some(fails) if fails == (number, collected) => {
                Err(TrainerError::NonFiniteFeatures { pass: 77, batch: number })
            }
            _ => Ok(()),
        }
    }
}

impl FeatureQueue for Waiting<'_> {
    fn submit(&mut self, batch: &Batch, _: &mut SourceTime) -> Result<(), TrainerError> {
        assert!(!self.is_full() && !batch.is_empty());
        self.taken += 1;
        self.failed(self.taken, false)?;
        self.features.push_back(self.late.extract(batch)?);
        self.late.most.set(self.late.most.get().max(self.features.len()));
        Ok(())
    }

    fn collect(&mut self, _: &mut SourceTime) -> Option<Result<Vec<f32>, TrainerError>> {
        let features = self.features.pop_front()?;
        self.given += 1;
        Some(self.failed(self.given, true).map(|()| features))
    }

    fn is_full(&self) -> bool {
        self.features.len() == DEPTH
    }
}

/// Three passes without a cache, and with one, both ahead.
fn both(world: &World, flow: &Flow, late: &Late) -> [Outcome; 2] {
    let stream = flow.stream(0..3, &loader()).unwrap().blocking();
    let report = stream.report();
    let mut uncached = outcome(&mut Extracted::new(stream, late));
    uncached.failures = report.read().failures.iter().map(ToString::to_string).collect();
    let store = world.store(flow, Stored::F32);
    let mut source = Cached::new(flow.clone(), late, &store, Views::Flips, 0..3, 0, loader()).unwrap();
    let report = source.report();
    let mut cached = outcome(&mut source);
    cached.failures = report.read().failures.iter().map(ToString::to_string).collect();
    [uncached, cached]
}

// invariant 9: how far ahead a device computes changes no batch, with files left out or without.
#[test]
fn batches_handed_in_ahead_come_back_as_they_would_one_by_one() {
    for broken in [&[][..], &[1], &[0, 1, 2, 3, 4, 5, 6, 7, 8]] {
        let world = World::new();
        let names = (0..12).map(|number| format!("photos/{}/{}.ppm", ["a", "b"][number / 6], number % 6));
        for name in names.enumerate().filter(|(number, _)| broken.contains(number)).map(|(_, name)| name) {
            fs::write(world.path(&name), "no photo").unwrap();
        }
        let options = FlowOptions {
            on_error: OnError::Skip,
            error_budget: ErrorBudget::Count(20),
            shuffle: false,
            batch_size: 2,
            ..options()
        };
        let flow = world.flow(ImageDataGenerator::new().horizontal_flip(true), options);
        let late = Late::default();
        let expected = world.uncached(&flow, 3);
        let [uncached, cached] = both(&world, &flow, &late);
        assert_eq!(uncached, expected, "{broken:?}");
        assert_eq!(cached.batches, expected.batches, "{broken:?}");
        assert!(late.most.get() == DEPTH || broken.len() > 6, "{} of {DEPTH} places were used", late.most.get());
    }
}

#[test]
fn an_error_comes_in_the_place_of_its_batch() {
    for (number, collected) in [(1, false), (2, false), (3, true), (1, true)] {
        let world = World::new();
        let flow = world.flow(ImageDataGenerator::new(), FlowOptions { batch_size: 2, ..options() });
        let late = Late { fails: Some((number, collected)), ..Late::default() };
        let expected = world.uncached(&flow, 3);
        for (kind, outcome) in both(&world, &flow, &late).into_iter().enumerate() {
            assert!(outcome.error.is_some_and(|error| error.contains("pass 77")), "{number} {collected} {kind}");
            let before = &outcome.batches[..number - 1];
            assert_eq!(before, &expected.batches[..number - 1], "{number} {collected} {kind}");
        }
    }
    // A photo that cannot be read ends the training after the batches before it.
    let world = World::new();
    fs::write(world.path("photos/b/2.ppm"), "no photo").unwrap();
    let options = FlowOptions { batch_size: 2, shuffle: false, ..options() };
    let flow = world.flow(ImageDataGenerator::new(), options);
    for outcome in both(&world, &flow, &Late::default()) {
        assert!(outcome.error.is_some_and(|error| error.contains("2.ppm")));
        assert_eq!(outcome.batches.len(), 4);
    }
}
