//! What features depend on, and how they are stored.

use super::*;
use std::collections::HashSet;
use xfer_loader::{Alpha, ColorMode, DecodeOptions, DecodeScale, Depth16, ExifOrientation, FillMode, Interpolation};

// invariant 9: features that were made in another way are in another place.
#[test]
fn every_setting_that_changes_features_changes_the_digest() {
    let world = World::new();
    let plain = ImageDataGenerator::new;
    let digest = |generator: ImageDataGenerator, options: FlowOptions| {
        Space::of(&world.extractor, &world.flow(generator, options), Stored::F32).digest()
    };
    let decode = |decode: DecodeOptions| FlowOptions { decode, ..options() };
    let default = DecodeOptions::default;
    let rotated = || plain().rotation_range(20.0);
    let float = || FlowOptions { pixel_type: PixelType::F32, ..options() };
    let others = [
        (plain(), FlowOptions { target_size: (7, 5), ..options() }),
        (plain(), FlowOptions { interpolation: Interpolation::Bilinear, ..options() }),
        (plain(), FlowOptions { keep_aspect_ratio: true, ..options() }),
        (plain(), FlowOptions { decode_scale: DecodeScale::Scaled, ..options() }),
        (plain(), decode(DecodeOptions { exif: ExifOrientation::Apply, ..default() })),
        (plain(), decode(DecodeOptions { depth16: Depth16::Scale, ..default() })),
        (plain(), decode(DecodeOptions { alpha: Alpha::Composite([0, 0, 1]), ..default() })),
        (plain(), decode(DecodeOptions { alpha: Alpha::Composite([0, 0, 2]), ..default() })),
        (plain(), decode(DecodeOptions { color_mode: ColorMode::Grayscale, ..default() })),
        (plain(), float()),
        (plain().rescale(2.0), float()),
        (rotated(), float()),
        (rotated().fill_mode(FillMode::Reflect), float()),
    ];
    let mut digests: HashSet<String> = others.into_iter().map(|(g, o)| digest(g, o)).collect();
    assert_eq!(digests.len(), 13);
    assert!(digests.insert(digest(plain(), options())));
    assert!(digests.insert(Space::of(&world.extractor, &world.flipped(), Stored::F16).digest()));

    let same = |generator, options| !digests.contains(&digest(generator, options));
    assert!(!same(plain().horizontal_flip(true), FlowOptions { seed: 9, shuffle: false, batch_size: 2, ..options() }));
    assert!(!same(plain().compat(Compat::Keras3), FlowOptions { decode_scale: DecodeScale::Auto, ..options() }));
    struct Other;
    impl FeatureExtractor for Other {
        fn feature_len(&self) -> usize {
            3
        }
        fn identity(&self) -> Vec<(String, String)> {
            vec![("extractor".to_owned(), "other".to_owned())]
        }
        fn extract(&self, _: &Batch) -> Result<Vec<f32>, TrainerError> {
            Ok(Vec::new())
        }
    }
    assert!(digests.insert(Space::of(&Other, &world.flipped(), Stored::F32).digest()));
}

fn flow_of(world: &World, compat: Compat) -> Flow {
    let generator = ImageDataGenerator::new().rotation_range(30.0).horizontal_flip(true).compat(compat);
    world.flow(generator, FlowOptions { pixel_type: PixelType::F32, ..options() })
}

#[test]
fn drawn_views_come_round_and_are_computed_once() {
    let world = World::new();
    for compat in [Compat::Documented, Compat::Keras3] {
        let flow = flow_of(&world, compat);
        assert_eq!(Views::of_flow(&flow, None), None, "each epoch has other images");
        let (cold, computed) = world.cached_as(&flow, 6, Some(3), Stored::F32);
        assert_eq!(computed, 3 * 12);
        assert_eq!(world.cached_as(&flow, 6, Some(3), Stored::F32), (cold, 0));
        let plain = FlowOptions { shuffle: false, pixel_type: PixelType::F32, ..options() };
        let in_order = flow.with_options(plain).unwrap();
        let (passes, computed) = world.cached_as(&in_order, 6, Some(3), Stored::F32);
        assert_eq!(computed, 0, "a draw does not depend on the order");
        // A photo that comes first moves the others, and with them their draws.
        let first = world.path("photos/a/!.ppm");
        photo(&first, 50);
        let moved = flow_of(&world, compat);
        let fresh = World::new();
        photo(&fresh.path("photos/a/!.ppm"), 50);
        let expected = fresh.cached_as(&flow_of(&fresh, compat), 6, Some(3), Stored::F32).0;
        assert_eq!(world.cached_as(&moved, 6, Some(3), Stored::F32).0, expected);
        fs::remove_file(first).unwrap();
        let features = |pass: u64| -> Vec<_> {
            passes.batches.iter().filter(|batch| batch.0 == pass).map(|batch| &batch.3).collect()
        };
        assert_eq!(features(0), features(3));
        assert_ne!(features(0), features(1));
        if compat == Compat::Documented {
            let expected = world.uncached(&in_order, 3).batches;
            assert_eq!(passes.batches[..9], expected, "the first draws are those of the first epochs");
        }
    }
}

#[test]
fn half_precision_gives_the_same_whether_it_was_computed_or_read() {
    let world = World::new();
    let flow = world.flipped();
    let (cold, _) = world.cached_as(&flow, 4, None, Stored::F16);
    assert_eq!(world.cached_as(&flow, 4, None, Stored::F16), (cold, 0));
    let (exact, _) = world.cached(&flow, 4);
    let (halves, _) = world.cached_as(&flow, 4, None, Stored::F16);
    assert_ne!(exact, halves);
    for (exact, half) in exact.batches.iter().flat_map(|b| &b.3).zip(halves.batches.iter().flat_map(|b| &b.3)) {
        assert!((exact - half).abs() <= exact.abs() / 1024.0 + 1e-6, "{exact} {half}");
    }
}
