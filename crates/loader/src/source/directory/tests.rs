use super::*;
use std::os::unix::fs::symlink;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    root
}

fn names(index: &Index) -> Vec<&str> {
    (0..index.len()).map(|sample| index.name(sample).to_str().unwrap()).collect()
}

fn options() -> DirectoryOptions {
    DirectoryOptions::default()
}

fn classes(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

// Orders checked with keras.preprocessing.image.DirectoryIterator, Keras 3.15.1, on the same tree.
#[test]
fn classes_and_files_come_in_the_order_of_keras() {
    let root = tree(&[
        "b/2.jpg",
        "b/10.jpg",
        "a/z.PNG",
        "a/c-x/1.jpg",
        "a/c/x/1.jpg",
        "a/c/0.tiff",
        "a/notajpg",
        "a/readme.txt",
        "10/i.bmp",
        "2/i.ppm",
        "Z/i.jpeg",
        "stray.jpg",
    ]);
    let index = Index::from_directory(root.path(), &options()).unwrap();
    assert_eq!(index.classes(), ["10", "2", "Z", "a", "b"]);
    assert_eq!(
        names(&index),
        [
            "10/i.bmp",
            "2/i.ppm",
            "Z/i.jpeg",
            "a/notajpg",
            "a/z.PNG",
            "a/c/0.tiff",
            "a/c-x/1.jpg",
            "a/c/x/1.jpg",
            "b/10.jpg",
            "b/2.jpg",
        ]
    );
    assert_eq!(index.labels().unwrap(), [0, 1, 2, 3, 3, 3, 3, 3, 4, 4]);
    assert_eq!(index.found(), "Found 10 images belonging to 5 classes.");
    assert_eq!(index.class_indices().last(), Some(("b", 4)));
    assert_eq!(index.path(9), root.path().join("b/2.jpg"));
}

#[test]
fn without_classes_everything_is_found() {
    let root = tree(&["b/2.jpg", "a/1.jpg", "top.jpg", "a/x.txt"]);
    let index = Index::from_files(root.path(), &options()).unwrap();
    assert_eq!(names(&index), ["top.jpg", "a/1.jpg", "b/2.jpg"]);
    assert_eq!((index.labels(), index.found().as_str()), (None, "Found 3 images."));
}

#[test]
fn hidden_folders_are_left_out_and_named_unless_keras_is_followed() {
    let root = tree(&["a/1.jpg", ".ipynb_checkpoints/1.jpg", "a/.git/2.jpg", "a/.hidden.jpg"]);
    let index = Index::from_directory(root.path(), &options()).unwrap();
    assert_eq!(index.classes(), ["a"]);
    assert_eq!(names(&index), ["a/.hidden.jpg", "a/1.jpg"]);
    assert_eq!(index.hidden_folders(), [root.path().join(".ipynb_checkpoints"), root.path().join("a/.git")]);

    let keras = DirectoryOptions { hidden_folders: true, ..options() };
    let index = Index::from_directory(root.path(), &keras).unwrap();
    assert_eq!(index.classes(), [".ipynb_checkpoints", "a"]);
    assert_eq!(names(&index), [".ipynb_checkpoints/1.jpg", "a/.hidden.jpg", "a/1.jpg", "a/.git/2.jpg"]);
    assert!(index.hidden_folders().is_empty());
}

#[test]
fn an_empty_class_keeps_its_label() {
    let root = tree(&["c/1.jpg", "a/1.jpg"]);
    fs::create_dir(root.path().join("b")).unwrap();
    let index = Index::from_directory(root.path(), &options()).unwrap();
    assert_eq!(index.classes(), ["a", "b", "c"]);
    assert_eq!(index.labels().unwrap(), [0, 2]);
}

#[test]
fn linked_classes_count_and_linked_sub_folders_where_that_is_asked_for() {
    let root = tree(&["a/1.jpg", "elsewhere/2.jpg"]);
    let data = tree(&["b/3.jpg"]);
    symlink(root.path().join("a"), data.path().join("a")).unwrap();
    symlink(root.path().join("elsewhere"), data.path().join("b/link")).unwrap();
    let index = Index::from_directory(data.path(), &options()).unwrap();
    assert_eq!(names(&index), ["a/1.jpg", "b/3.jpg"]);
    let follow = DirectoryOptions { follow_links: true, ..options() };
    let index = Index::from_directory(data.path(), &follow).unwrap();
    assert_eq!(names(&index), ["a/1.jpg", "b/3.jpg", "b/link/2.jpg"]);
}

#[test]
fn links_that_lead_back_are_left_out_and_named() {
    let root = tree(&["a/1.jpg", "a/sub/2.jpg", "b/3.jpg"]);
    symlink("..", root.path().join("a/sub/up")).unwrap();
    symlink("../..", root.path().join("b/around")).unwrap();
    let follow = DirectoryOptions { follow_links: true, classes: classes(&["a"]), ..options() };
    let index = Index::from_directory(root.path(), &follow).unwrap();
    assert_eq!(names(&index), ["a/1.jpg", "a/sub/2.jpg"]);
    assert_eq!(index.link_loops(), [root.path().join("a/sub/up")]);
}

#[test]
fn what_is_no_file_but_has_the_name_of_an_image() {
    let root = tree(&["a/folder.jpg/1.jpg", "a/2.jpg"]);
    symlink("nowhere", root.path().join("a/broken.jpg")).unwrap();
    let index = Index::from_directory(root.path(), &options()).unwrap();
    assert_eq!(names(&index), ["a/2.jpg", "a/broken.jpg", "a/folder.jpg/1.jpg"]);
}

#[test]
fn given_classes_keep_their_order_and_may_be_nested() {
    let root = tree(&["b/2.jpg", "a/1.jpg", "c/d/3.jpg", "c/4.jpg"]);
    let given = DirectoryOptions { classes: classes(&["c/d", "a"]), ..options() };
    let index = Index::from_directory(root.path(), &given).unwrap();
    assert_eq!(index.classes(), ["c/d", "a"]);
    assert_eq!(names(&index), ["c/d/3.jpg", "a/1.jpg"]);
    assert_eq!(index.labels().unwrap(), [0, 1]);
}

#[test]
fn a_missing_class_is_an_error_unless_keras_is_followed() {
    let root = tree(&["b/2.jpg", "a/1.jpg"]);
    let given = DirectoryOptions { classes: classes(&["b", "x", "a"]), ..options() };
    let message = Index::from_directory(root.path(), &given).unwrap_err().to_string();
    assert_eq!(message, format!("{}: no such folder", root.path().join("x").display()));
    let index = Index::from_directory(root.path(), &DirectoryOptions { strict: false, ..given }).unwrap();
    assert_eq!((names(&index), index.labels().unwrap()), (vec!["b/2.jpg", "a/1.jpg"], &[0, 2][..]));
    assert_eq!(index.found(), "Found 2 images belonging to 3 classes.");
}

#[test]
fn classes_that_name_a_photo_twice_or_lie_elsewhere_are_refused() {
    let root = tree(&["a/b/2.jpg", "a/1.jpg"]);
    for (names, expected) in [
        (&["a", "a"][..], "each folder once, got `a`"),
        (&["a/b", "a"][..], "folders of which none is in another, got `a` and `a/b`"),
        (&["a", "../x"][..], "names of folders under the one that is indexed, got `../x`"),
        (&[""][..], "names of folders under the one that is indexed, got ``"),
    ] {
        let given = DirectoryOptions { classes: classes(names), ..options() };
        let message = Index::from_directory(root.path(), &given).unwrap_err().to_string();
        assert_eq!(message, format!("classes: expected {expected}"));
    }
}

#[test]
fn binary_is_for_two_classes() {
    let root = tree(&["a/1.jpg", "b/1.jpg", "c/1.jpg"]);
    let binary = DirectoryOptions { class_mode: ClassMode::Binary, ..options() };
    let message = Index::from_directory(root.path(), &binary).unwrap_err().to_string();
    assert!(message.contains("binary needs two classes, and 3 are there"), "{message}");
    let two = DirectoryOptions { classes: classes(&["c", "a"]), ..binary.clone() };
    assert_eq!(Index::from_directory(root.path(), &two).unwrap().class_mode(), ClassMode::Binary);
    assert!(Index::from_directory(root.path(), &DirectoryOptions { strict: false, ..binary }).is_ok());
}

// `int(0.29 * 100)` is 28.
#[test]
fn the_first_of_each_class_are_for_validation() {
    let files: Vec<String> =
        (0..100).map(|k| format!("a/{k:02}.jpg")).chain((0..3).map(|k| format!("b/{k}.jpg"))).collect();
    let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let side = |subset| {
        let split = DirectoryOptions { split: Some(Split::First(0.29)), subset: Some(subset), ..options() };
        Index::from_directory(root.path(), &split).unwrap()
    };
    let (training, validation) = (side(Subset::Training), side(Subset::Validation));
    assert_eq!((training.len(), validation.len()), (72 + 3, 28));
    assert_eq!((training.name(0), validation.name(27)), (Path::new("a/28.jpg"), Path::new("a/27.jpg")));
    assert_eq!(validation.found(), "Found 28 images belonging to 2 classes.");
    let report = training.split_report().unwrap();
    assert_eq!(report.classes, [("a".to_owned(), 72, 28), ("b".to_owned(), 3, 0)]);
    let none = DirectoryOptions { split: Some(Split::First(0.001)), subset: Some(Subset::Validation), ..options() };
    let message = Index::from_directory(root.path(), &none).unwrap_err().to_string();
    assert!(message.ends_with("no validation samples when 103 are split by first:0.001"), "{message}");
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let root = tree(&["a/readme.txt", "file"]);
    let message = |path: &Path| Index::from_directory(path, &options()).unwrap_err().to_string();
    let missing = root.path().join("nowhere");
    assert_eq!(message(&missing), format!("{}: no such folder", missing.display()));
    assert!(message(&root.path().join("file")).ends_with("file: not a folder"));
    assert!(message(&root.path().join("a")).contains("no class folders in it; expected one sub-folder a class"));
    assert!(message(root.path()).contains("no images in it; files ending in png, jpg"));
    let raw = DirectoryOptions { class_mode: ClassMode::Raw, ..options() };
    assert!(Index::from_directory(root.path(), &raw).unwrap_err().to_string().contains("need a table), got raw"));
    let side = DirectoryOptions { subset: Some(Subset::Training), ..options() };
    fs::write(root.path().join("a/1.jpg"), "x").unwrap();
    assert!(Index::from_directory(root.path(), &side).unwrap_err().to_string().starts_with("subset: expected a split"));
}
