//! What is planned, and what is loaded of it.

use std::path::Path;

use super::{content, photos, threads};
use crate::{Compat, DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, PlannedBatch};

fn flow(root: &Path, compat: Compat) -> Flow {
    let options = FlowOptions { target_size: (6, 8), batch_size: 5, seed: 9, ..FlowOptions::default() };
    let generator = ImageDataGenerator::new().horizontal_flip(true).rotation_range(20.0).compat(compat);
    generator.flow_from_directory(root, &DirectoryOptions::default(), options).unwrap()
}

// invariant 2: what is planned is what is streamed.
#[test]
fn the_schedule_is_that_of_the_stream() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 8);
    for compat in [Compat::Documented, Compat::Keras3] {
        let flow = flow(root.path(), compat);
        let planned: Vec<PlannedBatch> = flow.schedule(1..4).map(Result::unwrap).collect();
        assert_eq!(planned.len(), 3 * 4);
        let streamed: Vec<_> = flow.stream(1..4, &threads(2)).unwrap().blocking().map(Result::unwrap).collect();
        for (planned, batch) in planned.iter().zip(&streamed) {
            assert_eq!((planned.epoch, planned.index), (batch.epoch, batch.index));
            let samples: Vec<usize> = planned.samples.iter().map(|planned| planned.sample).collect();
            assert_eq!(samples, batch.sample_indices());
        }
        let report = flow.report();
        let again = flow.stream_planned(planned.into_iter().map(Ok), &report, &threads(3)).unwrap().blocking();
        let again: Vec<_> = again.map(|batch| content(&batch.unwrap())).collect();
        assert_eq!(again, streamed.iter().map(content).collect::<Vec<_>>(), "{compat}");
        assert_eq!(report.read().samples, 3 * 16);
    }
}

// invariant 2: a sample's pixels do not depend on what it is loaded with.
#[test]
fn some_of_the_samples_are_loaded_as_they_would_have_been_among_all() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 8);
    let flow = flow(root.path(), Compat::Keras3);
    let all: Vec<_> = flow.stream(2..3, &threads(2)).unwrap().blocking().map(Result::unwrap).collect();
    let odd = flow.schedule(2..3).map(|batch| {
        batch.map(|mut batch| {
            batch.samples.retain(|planned| planned.sample % 2 == 1);
            batch
        })
    });
    let odd = flow.stream_planned(odd, &flow.report(), &threads(2)).unwrap().blocking();
    for (all, odd) in all.iter().zip(odd) {
        let (all, odd) = (content(all), content(&odd.unwrap()));
        let values = all.4.len() / all.3.len();
        for (place, sample) in odd.3.iter().enumerate() {
            let among = all.3.iter().position(|other| other == sample).unwrap();
            assert_eq!(odd.4[place * values..][..values], all.4[among * values..][..values]);
        }
    }
}

#[test]
fn views_come_round() {
    let root = tempfile::tempdir().unwrap();
    photos(root.path(), 8);
    for compat in [Compat::Documented, Compat::Keras3] {
        let flow = flow(root.path(), compat);
        let draws = |epoch: u64| {
            let batches = flow.schedule(epoch..epoch + 1).with_views(2).map(Result::unwrap);
            let mut samples: Vec<_> = batches.flat_map(|batch| batch.samples).collect();
            samples.sort_by_key(|planned| planned.sample);
            samples
        };
        assert_eq!(draws(0), draws(2));
        assert_eq!(draws(1), draws(3));
        assert_ne!(draws(0), draws(1));
        assert!(draws(0).iter().all(|planned| planned.flips().is_none()), "rotated as well");
        let digests =
            |epoch| draws(epoch).iter().map(super::super::schedule::PlannedSample::draw_digest).collect::<Vec<_>>();
        assert_eq!(digests(0), digests(2));
        assert!(digests(0).iter().zip(digests(1)).all(|(a, b)| *a != b));
    }
}
