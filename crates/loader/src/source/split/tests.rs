use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::source::DirectoryOptions;

fn index(root: &Path) -> Index {
    Index::from_directory(root, &DirectoryOptions::default()).unwrap()
}

fn stratified(fraction: f64, seed: u64) -> Split {
    Split::Stratified { fraction, seed, group_by: None }
}

/// The side of each file, by name.
fn sides(root: &Path, split: &Split) -> BTreeMap<String, bool> {
    let index = index(root);
    let sides = split.sides(&index).unwrap();
    (0..index.len()).map(|place| (index.name(place).display().to_string(), sides.validation[place])).collect()
}

fn write(root: &Path, name: &str, content: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn a_fraction_of_each_class_is_held_back() {
    let root = tempfile::tempdir().unwrap();
    for k in 0..400 {
        write(root.path(), &format!("{}/{k}.jpg", ["a", "b"][k % 2]), &k.to_string());
    }
    let index = index(root.path());
    let (training, validation) = index.divide(&stratified(0.25, 1)).unwrap();
    assert_eq!(training.len() + validation.len(), 400);
    let report = training.split_report().unwrap();
    assert_eq!(Some(report), validation.split_report());
    for (name, training, validation) in &report.classes {
        // Four standard deviations of a binomial distribution are 24.
        assert!((26..=74).contains(validation) && training + validation == 200, "{name}: {validation}");
    }
}

#[test]
fn a_split_depends_on_content_and_seed_and_not_on_names() {
    let root = tempfile::tempdir().unwrap();
    for k in 0..60 {
        write(root.path(), &format!("a/{k}.jpg"), &(k / 2).to_string());
        write(root.path(), &format!("b/x{k}.jpg"), &(k / 2).to_string());
    }
    let split = sides(root.path(), &stratified(0.3, 7));
    for k in 0..60 {
        let side = split[&format!("a/{k}.jpg")];
        assert_eq!(side, split[&format!("a/{}.jpg", k ^ 1)], "the same content, in the same class");
        assert_eq!(side, split[&format!("b/x{k}.jpg")], "and in another");
    }
    assert_eq!(split, sides(root.path(), &stratified(0.3, 7)));
    assert_ne!(split, sides(root.path(), &stratified(0.3, 8)));
}

// Computed with Python's hashlib: sha256(seed as 8 bytes, little endian; 7; b"content"; sha256(content)).
#[test]
fn the_draw_is_what_the_documentation_says() {
    let root = tempfile::tempdir().unwrap();
    for k in 0..8 {
        write(root.path(), &format!("a/{k}.jpg"), &format!("photo {k}"));
    }
    let keys = stratified::keys(&index(root.path()), 5, None).unwrap();
    assert_eq!(keys[..3], [0xe95b_5465_a33c_6475, 0xc5ea_6f42_0661_f548, 0xcb01_432c_421d_89eb]);
}

#[test]
fn nobody_changes_sides_when_files_come_and_go() {
    let root = tempfile::tempdir().unwrap();
    for k in 0..100 {
        write(root.path(), &format!("{}/{k}.jpg", ["a", "b"][k % 2]), &k.to_string());
    }
    let before = sides(root.path(), &stratified(0.2, 3));
    for k in 100..200 {
        write(root.path(), &format!("{}/{k}.jpg", ["a", "b", "c"][k % 3]), &k.to_string());
        fs::remove_file(root.path().join(format!("a/{}.jpg", (k - 100) / 4 * 2))).ok();
    }
    let after = sides(root.path(), &stratified(0.2, 3));
    assert!(before.iter().all(|(name, side)| after.get(name).is_none_or(|now| now == side)));
}

#[test]
fn a_group_is_on_one_side() {
    let root = tempfile::tempdir().unwrap();
    for k in 0..200 {
        write(root.path(), &format!("{}/p{}_{k}.jpg", ["a", "b"][k % 2], k / 10), &k.to_string());
    }
    let group_by = Some(r"/p(\d+)_".parse().unwrap());
    let split = sides(root.path(), &Split::Stratified { fraction: 0.3, seed: 0, group_by });
    for (name, side) in &split {
        let patient = &name[1..=name.find('_').unwrap()];
        assert!(split.iter().all(|(other, also)| !other[1..].starts_with(patient) || side == also), "{name}");
    }
    assert!(split.values().any(|&side| side) && split.values().any(|&side| !side));
}

#[test]
fn a_class_of_two_has_one_on_each_side() {
    for seed in 0..50 {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg", "b/5.jpg", "c/6.jpg"] {
            write(root.path(), name, name);
        }
        // Both classes have the same photo, and one has it twice.
        write(root.path(), "d/7.jpg", "a/1.jpg");
        write(root.path(), "d/8.jpg", "a/1.jpg");
        for fraction in [0.001, 0.5, 0.999] {
            let report = stratified(fraction, seed)
                .sides(&index(root.path()))
                .unwrap()
                .report(&["a", "b", "c", "d"].map(str::to_owned));
            for (name, training, validation) in &report.classes[..2] {
                assert!(*training > 0 && *validation > 0, "{name} {fraction} {seed}");
            }
            let [_, _, (_, one, other), (_, twice, never)] = &report.classes[..] else { panic!() };
            assert!(one + other == 1 && (*twice == 0 || *never == 0), "{report:?}");
        }
    }
}

#[test]
fn a_class_that_cannot_be_on_both_sides_takes_nothing_from_another() {
    // Both classes are the same two keys: whichever moves, it moves for both.
    let classes: [&[u32]; 4] = [&[0], &[0], &[1], &[1]];
    let sides = stratified::sides(&[1 << 62, 1 << 63, 1 << 62, 1 << 63], |sample| classes[sample], 2, 0.1);
    assert_eq!(sides, [true, false, true, false], "the nearest to the threshold");
    let sides = stratified::sides(&[1 << 62, 1 << 63, 1 << 62, 1 << 63], |sample| classes[sample], 2, 0.9);
    assert_eq!(sides, [true, false, true, false]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/1.jpg", "1");
    std::os::unix::fs::symlink("nowhere", root.path().join("a/2.jpg")).unwrap();
    let error = stratified(0.5, 0).sides(&index(root.path())).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: cannot read", root.path().join("a/2.jpg").display()));
}

#[test]
fn splits_have_names() {
    for (text, split) in [("first:0.2", Split::First(0.2)), ("stratified:0.125", stratified(0.125, 0))] {
        assert_eq!(text.parse::<Split>().unwrap(), split);
        assert_eq!(split.to_string(), text);
    }
    for text in ["0.2", "first", "first:0", "stratified:1", "stratified:nan", "last:0.2", "first:0.2x"] {
        assert!(text.parse::<Split>().unwrap_err().to_string().starts_with("split: expected first:FRACTION"), "{text}");
    }
    assert_eq!("validation".parse::<Subset>().unwrap(), Subset::Validation);
    assert!("test".parse::<Subset>().is_err());
}
