//! The photos that a model is judged on: their classes are the model's, by name.

use std::path::{Path, PathBuf};

use anyhow::bail;
use xfer_loader::{DirectoryOptions, Flow, FlowOptions, ImageDataGenerator};

use crate::failures;
use crate::terminal::Terminal;

/// Names that a message has, at most.
const NAMED: usize = 10;

/// Indexes the photos, labelled as the model has its classes.
pub(super) fn index(
    data: &Path,
    classes: &[String],
    options: &FlowOptions,
    terminal: &Terminal,
) -> anyhow::Result<Flow> {
    let folder = folder(data, classes);
    let index = |classes| {
        let named = DirectoryOptions { classes, ..DirectoryOptions::default() };
        ImageDataGenerator::new().flow_from_directory(&folder, &named, options.clone())
    };
    let flow = index(None)?;
    check(&folder, flow.class_names(), classes)?;
    // Names that are no text come in the same order only.
    let flow = if flow.class_names() == classes { flow } else { index(Some(classes.to_vec()))? };
    failures::tell_index(&flow, terminal);
    terminal.line(format_args!("{}: {}", folder.display(), flow.found()));
    let labels = flow.labels().unwrap_or_default();
    for (class, name) in (0u32..).zip(classes) {
        if !labels.contains(&class) {
            terminal.warn(format_args!("{}: no photos in it", folder.join(name).display()));
        }
    }
    Ok(flow)
}

/// `val` or `train` in `data`, where it is no class, or `data` itself.
fn folder(data: &Path, classes: &[String]) -> PathBuf {
    let inside = ["val", "train"].into_iter().filter(|name| !classes.iter().any(|class| class == name));
    let mut inside = inside.map(|name| data.join(name));
    inside.find(|folder| folder.is_dir()).unwrap_or_else(|| data.to_owned())
}

/// Refuses folders that are not those of the model's classes.
fn check(folder: &Path, found: &[String], classes: &[String]) -> anyhow::Result<()> {
    let lacking = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| !those.contains(name)).cloned().collect()
    };
    let (missing, extra) = (lacking(classes, found), lacking(found, classes));
    let mut differences = Vec::new();
    if !missing.is_empty() {
        let are = if missing.len() == 1 { "is" } else { "are" };
        differences.push(format!("the model's {} {are} not there", names(&missing)));
    }
    if !extra.is_empty() {
        differences.push(format!("the model does not know {}", names(&extra)));
    }
    if !differences.is_empty() {
        bail!(
            "{}: its folders are not the model's classes: {}; the model tells {} apart",
            folder.display(),
            differences.join("; "),
            names(classes)
        );
    }
    Ok(())
}

/// `rural, urban`; of many the first.
fn names(names: &[String]) -> String {
    let some = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn validation_photos_go_before_training_photos() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path();
        let folder = |classes: &str| folder(data, &words(classes));
        assert_eq!(folder("a b"), data);
        std::fs::create_dir(data.join("train")).unwrap();
        assert_eq!(folder("a b"), data.join("train"));
        std::fs::create_dir(data.join("val")).unwrap();
        assert_eq!(folder("a b"), data.join("val"));
        assert_eq!(folder("train val"), data, "where they are classes");
    }

    #[test]
    fn classes_are_compared_by_name() {
        let check = |found: &str, classes: &str| check("photos".as_ref(), &words(found), &words(classes));
        check("a b", "b a").unwrap();
        let message = check("a c d", "a b").unwrap_err().to_string();
        let expected = "photos: its folders are not the model's classes: the model's b is not there; the model does \
                        not know c, d; the model tells a, b apart";
        assert_eq!(message, expected);
        let many: Vec<String> = (0..100).map(|class| format!("c{class}")).collect();
        let message = check("c0", &many.join(" ")).unwrap_err().to_string();
        assert!(message.contains("c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 and 89 more are not there"), "{message}");
    }
}
