//! The photos: where they are expected, and whether what is there can be trained on.

use std::path::{Path, PathBuf};

use anyhow::bail;
use xfer_loader::{Flow, FlowOptions, ImageDataGenerator};

use super::TrainConfig;
use crate::backbone;
use crate::terminal::Terminal;

const TRAIN: &str = "train";
const VALIDATION: &str = "val";

/// Indexed photos. The batch sizes of the flows are provisional.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) training: Flow,
    pub(super) validation: Option<Flow>,
}

impl Data {
    /// Indexes the photos, and tells what was found.
    pub(super) fn index(config: &TrainConfig, terminal: &Terminal) -> anyhow::Result<Self> {
        let (train, validation) = folders(&config.data)?;
        let ordered = backbone::flow_options(&config.features, 1);
        let shuffled = FlowOptions { shuffle: true, seed: config.seed, ..ordered.clone() };
        let plain = ImageDataGenerator::new();
        let augmented = plain.clone().horizontal_flip(config.horizontal_flip);
        let training = augmented.flow_from_directory(&train, shuffled)?;
        tell(&training, terminal);
        let validation = match validation {
            Some(folder) => {
                let flow = plain.flow_from_directory(&folder, ordered)?;
                tell(&flow, terminal);
                Some(flow)
            }
            None => {
                terminal.warn(format_args!(
                    "{}: no such folder; training without validation",
                    config.data.join(VALIDATION).display()
                ));
                None
            }
        };
        check_classes(&training, validation.as_ref())?;
        Ok(Self { training, validation })
    }
}

/// The folder to train on, and the folder to validate on if there is one.
fn folders(data: &Path) -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
    let expected =
        format!("expected photos in {0}/{TRAIN}/CLASS/ and, to validate, in {0}/{VALIDATION}/CLASS/", data.display());
    if !data.exists() {
        bail!("{}: no such folder; {expected} (--data names another folder)", data.display());
    }
    let train = data.join(TRAIN);
    if !train.is_dir() {
        let mut found: Vec<String> = std::fs::read_dir(data)?
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        found.sort();
        let found = if found.is_empty() { "no folders at all".to_owned() } else { found.join(", ") };
        bail!("{}: no folder `{TRAIN}` in it, but {found}; {expected}", data.display());
    }
    let validation = data.join(VALIDATION);
    Ok((train, validation.exists().then_some(validation)))
}

fn tell(flow: &Flow, terminal: &Terminal) {
    terminal.line(flow.found());
    for folder in flow.hidden_folders() {
        terminal.warn(format_args!("{}: left out, because its name begins with a dot", folder.display()));
    }
    let labels = flow.labels().unwrap_or_default();
    for (class, name) in (0u32..).zip(flow.class_names()) {
        if !labels.contains(&class) {
            terminal.warn(format_args!("{}: no photos in it", flow.root().join(name).display()));
        }
    }
}

fn check_classes(training: &Flow, validation: Option<&Flow>) -> anyhow::Result<()> {
    let classes = training.class_names();
    if let [only] = classes {
        bail!(
            "{}: only one class, {only}; telling classes apart needs at least two folders",
            training.root().display()
        );
    }
    let Some(validation) = validation else { return Ok(()) };
    let missing = |from: &Flow, of: &Flow| {
        let names: Vec<_> =
            of.class_names().iter().filter(|name| !from.class_names().contains(name)).cloned().collect();
        (!names.is_empty()).then(|| format!("{} lacks {}", from.root().display(), names.join(", ")))
    };
    let differences: Vec<_> =
        [missing(validation, training), missing(training, validation)].into_iter().flatten().collect();
    if !differences.is_empty() {
        bail!("the classes of training and validation differ: {}", differences.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn data(classes: &[(&str, &[&str])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (part, names) in classes {
            for name in *names {
                let class = folder.path().join(part).join(name);
                fs::create_dir_all(&class).unwrap();
                fs::write(class.join("1.ppm"), b"P6 1 1 255\nabc").unwrap();
            }
        }
        folder
    }

    fn flow(folder: &Path) -> Flow {
        ImageDataGenerator::new().flow_from_directory(folder, FlowOptions::default()).unwrap()
    }

    #[test]
    fn train_is_needed_and_val_is_not() {
        let with_both = data(&[("train", &["a"]), ("val", &["a"])]);
        assert!(folders(with_both.path()).unwrap().1.is_some());
        let without_val = data(&[("train", &["a"])]);
        assert_eq!(folders(without_val.path()).unwrap().1, None);
    }

    #[test]
    fn class_folders_in_the_wrong_place_are_named_with_the_layout_that_is_expected() {
        let folder = data(&[("", &["rural", "urban"])]);
        let message = folders(folder.path()).unwrap_err().to_string();
        assert!(message.contains("no folder `train` in it, but rural, urban; expected photos in"), "{message}");
        let message = folders(&folder.path().join("none")).unwrap_err().to_string();
        assert!(message.contains("no such folder") && message.contains("--data"), "{message}");
        let empty = data(&[]);
        assert!(folders(empty.path()).unwrap_err().to_string().contains("no folders at all"));
    }

    #[test]
    fn one_class_is_not_enough() {
        let folder = data(&[("train", &["a"])]);
        let message = check_classes(&flow(&folder.path().join("train")), None).unwrap_err().to_string();
        assert!(message.contains("only one class, a"), "{message}");
    }

    #[test]
    fn classes_must_agree() {
        let folder = data(&[("train", &["a", "b", "c"]), ("val", &["b", "c", "d"])]);
        let (train, val) = (flow(&folder.path().join("train")), flow(&folder.path().join("val")));
        let message = check_classes(&train, Some(&val)).unwrap_err().to_string();
        assert!(message.contains("val lacks a; ") && message.ends_with("train lacks d"), "{message}");
        check_classes(&train, Some(&train)).unwrap();
    }
}
