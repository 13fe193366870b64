//! Photos that come, change, move and go.

use super::*;
use crate::features::cache::{data_digest, list, prune, verify};

// invariant 9: a photo that was added costs only itself, one that moved nothing.
#[test]
fn only_what_is_new_is_computed() {
    let world = World::new();
    let plain = || world.flow(ImageDataGenerator::new(), options());
    assert_eq!(world.cached(&plain(), 1).1, 12);
    photo(&world.path("photos/b/7.ppm"), 99);
    let flow = plain();
    assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 1), "one was added");
    fs::rename(world.path("photos/a/1.ppm"), world.path("photos/b/renamed.ppm")).unwrap();
    fs::copy(world.path("photos/a/2.ppm"), world.path("photos/b/copied.ppm")).unwrap();
    let flow = plain();
    assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 0), "moved and copied");
    fs::remove_file(world.path("photos/a/3.ppm")).unwrap();
    let flow = plain();
    assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 0), "one is gone");
}

// invariant 9: a photo that was replaced is computed anew, whatever its size and time say.
#[test]
fn a_replaced_photo_is_never_served_from_before() {
    let world = World::new();
    settle();
    let flow = world.flow(ImageDataGenerator::new(), options());
    world.cached(&flow, 1);
    let path = world.path("photos/a/1.ppm");
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    for (round, number) in [200_u8, 201, 202].into_iter().enumerate() {
        let before = (modified(), fs::metadata(&path).unwrap().len());
        let moved = world.path("new.ppm");
        if round == 1 {
            // Another file takes its name.
            photo(&moved, number);
            fs::File::options().write(true).open(&moved).unwrap().set_modified(before.0).unwrap();
            fs::rename(&moved, &path).unwrap();
        } else {
            photo(&path, number);
            fs::File::options().write(true).open(&path).unwrap().set_modified(before.0).unwrap();
        }
        assert_eq!((modified(), fs::metadata(&path).unwrap().len()), before, "size and time are kept");
        assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 1), "round {round}");
        // At once once more: within the tick of a clock, and before anything is settled.
        photo(&path, number + 20);
        assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 1), "round {round}, at once");
        if round == 1 {
            settle();
        }
    }
    assert_eq!(world.cached(&flow, 1).1, 0);
}

#[test]
fn what_was_touched_is_read_and_not_computed() {
    let world = World::new();
    settle();
    let flow = world.flow(ImageDataGenerator::new(), options());
    world.cached(&flow, 1);
    let records = || fs::read_dir(world.path("cache/files")).unwrap().flatten().count();
    let before = records();
    for number in 0..6 {
        let path = world.path(&format!("photos/a/{number}.ppm"));
        fs::File::options().write(true).open(&path).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    }
    settle();
    assert_eq!(world.cached(&flow, 1).1, 0);
    assert_eq!(records(), before + 1, "what they hold is known again");
    assert_eq!(world.cached(&flow, 1).1, 0);
    assert_eq!(records(), before + 1);
}

#[test]
fn the_cache_is_listed_verified_and_pruned() {
    let world = World::new();
    settle();
    let (cache, none) = (world.path("cache"), world.path("none"));
    assert!(list(&none).is_empty() && verify(&none, None, |_| {}).unwrap().is_sound() && !none.exists());
    let flow = world.flipped();
    world.cached(&flow, 1);
    world.cached_as(&flow, 2, None, Stored::F16);
    let entries = list(&cache);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries.iter().map(|entry| entry.description["stored"].as_str()).collect::<Vec<_>>(), ["f16", "f32"]);
    assert_eq!(entries[1].rows, 12);
    let mut bytes = 0;
    let verified = verify(&cache, None, |read| bytes += read).unwrap();
    assert!(verified.is_sound() && bytes > 0, "{verified:?}");
    assert_eq!((verified.rows, verified.photos), (entries[0].rows + 12, 12));

    let hour = std::time::Duration::from_secs(3600);
    assert_eq!(prune(&cache, None, Some(hour), None, false).unwrap().removed, [""; 0], "both were used just now");
    let in_use = world.store(&flow, Stored::F32);
    let pruned = prune(&cache, None, None, Some(0), true).unwrap();
    assert_eq!((pruned.removed.len(), pruned.in_use.len()), (1, 1), "one is in use");
    assert_eq!(list(&cache).len(), 2, "nothing was done");
    // That it is in use makes it the one that was used last.
    let pruned = prune(&cache, None, None, Some(entries[1].bytes), false).unwrap();
    assert_eq!((pruned.removed, pruned.left), (vec![entries[0].name.clone()], entries[1].bytes));
    assert_eq!(list(&cache).iter().map(|entry| &entry.name).collect::<Vec<_>>(), [&entries[1].name]);
    in_use.finish();
    assert_eq!(world.cached(&flow, 1).1, 0, "what was left is of use");

    fs::write(cache.join(&entries[1].name).join(".features-1.safetensors.x.tmp"), "half").unwrap();
    let pruned = prune(&cache, None, Some(std::time::Duration::ZERO), None, false).unwrap();
    assert_eq!((pruned.removed.len(), pruned.left), (1, 0));
    let left: Vec<_> = fs::read_dir(&cache).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["files"], "and no more than its lock is in it");
    assert_eq!(fs::read_dir(cache.join("files")).unwrap().count(), 1);
    assert_eq!(world.cached(&flow, 1).1, 12);
}

// A change that leaves no trace at all, as on a file system without such times, is what verifying is for.
#[test]
fn verifying_finds_what_no_time_tells() {
    let world = World::new();
    settle();
    let flow = world.flow(ImageDataGenerator::new(), options());
    world.cached(&flow, 1);
    let path = world.path("photos/a/1.ppm");
    let folder = world.path("cache/files");
    let records = fs::read_dir(&folder).unwrap().flatten().map(|e| e.path()).find(|p| p.extension().is_some()).unwrap();
    let mut all = Vec::new();
    crate::features::cache::records::read(&records, |record| all.push(record)).unwrap();
    photo(&path, 77);
    let path = std::path::absolute(path).unwrap();
    let changed = all.iter_mut().find(|record| record.path() == path).unwrap();
    changed.stat = crate::features::cache::content::FileStat::of(&path).unwrap();
    fs::remove_file(&records).unwrap();
    crate::features::cache::records::write(&folder, &all).unwrap();
    assert_ne!(world.cached(&flow, 1).0, world.uncached(&flow, 1), "what it held before is believed");

    let verified = verify(&world.path("cache"), None, |_| {}).unwrap();
    assert_eq!((verified.changed, verified.photos), (vec![path], 11));
    assert_eq!(world.cached(&flow, 1), (world.uncached(&flow, 1), 1));
}

#[test]
fn the_digest_of_the_data_follows_names_classes_and_contents() {
    let world = World::new();
    settle();
    let flow = || world.flow(ImageDataGenerator::new(), options());
    let first = data_digest(&[&flow()], None);
    assert!(first.starts_with("sha256:") && first.len() == 71, "{first}");
    let store = world.store(&flow(), Stored::F32);
    assert_eq!(data_digest(&[&flow()], Some(&store)), first, "read for a cache");
    assert_eq!(data_digest(&[&flow()], Some(&store)), first, "known by a cache");
    assert_ne!(data_digest(&[&flow(), &flow()], None), first, "as training and as validation");
    photo(&world.path("photos/a/1.ppm"), 200);
    let changed = data_digest(&[&flow()], Some(&store));
    assert_ne!(changed, first);
    assert_eq!(data_digest(&[&flow()], None), changed);
    fs::rename(world.path("photos/a/2.ppm"), world.path("photos/b/moved.ppm")).unwrap();
    assert_ne!(data_digest(&[&flow()], None), changed, "another class");
}
