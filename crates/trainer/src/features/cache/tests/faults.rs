//! Caches that are damaged, cannot be written, or are shared.

use super::*;
use crate::features::cache::verify;

fn shards(world: &World) -> Vec<std::path::PathBuf> {
    let folders = fs::read_dir(world.path("cache")).unwrap().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten());
    let mut files: Vec<_> = files.map(|file| file.path()).filter(|p| super::super::store::is_shard(p)).collect();
    files.sort();
    files
}

// invariant 9: damage costs time, and nothing else.
#[test]
fn damaged_rows_are_computed_again() {
    let world = World::new();
    let flow = world.flipped();
    let expected = world.uncached(&flow, 3);
    world.cached(&flow, 3);
    for path in shards(&world) {
        let whole = fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(97) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            fs::write(&path, bytes).unwrap();
            let before = shards(&world);
            assert_eq!(world.cached(&flow, 3).0, expected, "byte {place}");
            world.warnings();
            // What was written in its place is removed, so that the next byte hits as well.
            shards(&world).iter().filter(|path| !before.contains(path)).for_each(|path| fs::remove_file(path).unwrap());
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn files_that_are_no_shards_are_named_once_and_verifying_removes_them() {
    let world = World::new();
    settle();
    let flow = world.flipped();
    let expected = world.uncached(&flow, 2);
    world.cached(&flow, 2);
    let whole = shards(&world);
    let bytes = fs::read(&whole[0]).unwrap();
    fs::write(&whole[0], &bytes[..bytes.len() - 1]).unwrap();
    let (again, computed) = world.cached(&flow, 2);
    assert!(again == expected && computed > 0);
    let warnings = world.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("not a safetensors file"), "{warnings:?}");
    let (again, computed) = world.cached(&flow, 2);
    assert_eq!((again, computed), (world.uncached(&flow, 2), 0), "what was computed again was written");

    let rows = fs::read(whole.last().unwrap()).unwrap();
    let mut flipped = rows.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(whole.last().unwrap(), flipped).unwrap();
    let verified = verify(&world.path("cache"), None, |_| {}).unwrap();
    assert_eq!(verified.damaged_files.len() + verified.damaged_rows as usize, if whole.len() > 1 { 2 } else { 1 });
    let verified = verify(&world.path("cache"), None, |_| {}).unwrap();
    assert!(verified.is_sound() && verified.rows > 0, "{verified:?}");
    world.warnings();
    assert_eq!(world.cached(&flow, 2).0, expected);
    assert_eq!(world.warnings(), [""; 0]);
}

// invariant 9: a cache that cannot be written is a warning.
#[test]
fn a_folder_that_cannot_be_made_costs_one_warning() {
    let world = World::new();
    fs::write(world.path("cache"), "a file").unwrap();
    let flow = world.flipped();
    let (outcome, computed) = world.cached(&flow, 5);
    assert_eq!(outcome, world.uncached(&flow, 5));
    assert!(computed <= 24, "{computed}: rows are kept in memory");
    let warnings = world.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("going on without writing"), "{warnings:?}");
    assert_eq!(fs::read(world.path("cache")).unwrap(), b"a file");
}

// invariant 9: runs that share a cache do not disturb each other.
#[test]
fn several_at_once_get_the_same() {
    let world = World::new();
    let flow = world.flipped();
    let expected = world.uncached(&flow, 4);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&world, &flow))).collect();
        for run in runs {
            assert_eq!(run.join().unwrap(), expected);
        }
    });
    assert_eq!(world.cached(&flow, 4), (expected, 0));
    assert_eq!(world.warnings(), [""; 0]);
    assert!(verify(&world.path("cache"), None, |_| {}).unwrap().is_sound());
}

// invariant 9: what another run writes in the meantime is of use, and what this one has is written nevertheless.
#[test]
fn runs_take_turns_at_writing() {
    let world = World::new();
    let flow = world.flipped();
    let expected = world.uncached(&flow, 3);
    let store = world.store(&flow, Stored::F32);
    let mut source = Cached::new(flow.clone(), &world.extractor, &store, Views::Flips, 0..3, 0, loader()).unwrap();
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut next = || source.next_batch().unwrap().unwrap();
        batches.extend((0..3).map(|_| next()).map(|b| (b.pass, b.index, b.targets, b.features)));
        let plain =
            world.flow(ImageDataGenerator::new(), FlowOptions { batch_size: 4, max_batches: Some(1), ..options() });
        world.cached(&plain, 1);
    }
    assert_eq!(batches, expected.batches);
    drop(source);
    store.finish();
    assert_eq!(world.cached(&flow, 3), (expected, 0));
}

fn run(world: &World, flow: &Flow) -> Outcome {
    let extractor = Moments::default();
    let store = world.store(flow, Stored::F32);
    let mut source = Cached::new(flow.clone(), &extractor, &store, Views::Flips, 0..4, 0, loader()).unwrap();
    outcome(&mut source)
}

// invariant 6: dropping a source in the middle ends what it started, and what was computed is kept.
#[test]
fn a_run_that_is_stopped_leaves_what_it_has() {
    let world = World::new();
    let flow = world.flipped();
    let store = world.store(&flow, Stored::F32);
    let mut source = Cached::new(flow.clone(), &world.extractor, &store, Views::Flips, 0..1, 0, loader()).unwrap();
    source.next_batch().unwrap().unwrap();
    assert_eq!(source.missing(), 12);
    drop(source);
    store.finish();
    let (outcome, computed) = world.cached(&flow, 1);
    assert_eq!((outcome, computed), (world.uncached(&flow, 1), 12 - 5));
}
