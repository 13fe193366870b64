//! The photos: where they are expected, and whether what is there can be trained on.

use std::path::{Path, PathBuf};

use anyhow::bail;
use xfer_loader::{DirectoryOptions, Flow, FlowOptions, ImageDataGenerator, PixelType};
use xfer_trainer::preprocessing_of;

use super::TrainConfig;
use super::learner::class_counts;
use crate::log::tell;
use crate::terminal::Terminal;
use crate::{backbone, failures};

const TRAIN: &str = "train";
const VALIDATION: &str = "val";

/// Indexed photos. The batch sizes of the flows are provisional.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) training: Flow,
    pub(super) validation: Option<Flow>,
}

impl Data {
    /// Training and validation.
    pub(super) fn flows(&self) -> Vec<&Flow> {
        std::iter::once(&self.training).chain(self.validation.as_ref()).collect()
    }

    /// Indexes the photos, and tells what was found.
    pub(super) fn index(config: &TrainConfig, terminal: &Terminal) -> anyhow::Result<Self> {
        let ordered = backbone::flow_options(&config.features, 1);
        let plain = ImageDataGenerator::new().compat(config.augmented.compat_mode());
        let index = |folder: &Path| plain.flow_from_directory(folder, &DirectoryOptions::default(), ordered.clone());
        let listed =
            |table: &Path, classes| plain.flow_from_table(table, &config.table.options(classes), ordered.clone());
        let (training, validation) = match (&config.split, &config.table.table) {
            (Some(split), table) => {
                let whole = match table {
                    Some(table) => listed(table, None)?,
                    None => index(&folder_to_split(&config.data)?)?,
                };
                failures::tell_index(&whole, terminal);
                let (training, validation) = whole.divide(split)?;
                failures::tell_split(&training, terminal);
                (training, Some(validation))
            }
            (None, Some(table)) => {
                let training = listed(table, None)?;
                failures::tell_index(&training, terminal);
                let classes = Some(training.class_names().to_vec());
                let validation = config.table.validation_table.as_ref();
                (training, validation.map(|table| listed(table, classes)).transpose()?)
            }
            (None, None) => {
                let (train, validation) = folders(&config.data)?;
                let training = index(&train)?;
                failures::tell_index(&training, terminal);
                (training, validation.map(|folder| index(&folder)).transpose()?)
            }
        };
        let training = augmented(&training, config)?;
        tell(&training, terminal);
        match &validation {
            Some(validation) => tell(validation, terminal),
            None if config.table.table.is_some() => terminal
                .warn("training without validation (--validation-table lists photos for it, --split holds some back)"),
            None => terminal.warn(format_args!(
                "{}: no such folder; training without validation (--split holds photos back for it)",
                config.data.join(VALIDATION).display()
            )),
        }
        check_classes(&training, validation.as_ref())?;
        Ok(Self { training, validation })
    }
}

/// The training flow: shuffled and augmented. What flips alone leave of a photo are bytes, which the backbone
/// standardises; what a warp leaves is standardised by the loader.
fn augmented(flow: &Flow, config: &TrainConfig) -> anyhow::Result<Flow> {
    let options = FlowOptions { shuffle: true, seed: config.seed, ..flow.options().clone() };
    let generator = config.augmented.clone();
    if generator.flips_only() {
        return Ok(flow.with(generator, options)?);
    }
    let generator = generator.preprocessing(preprocessing_of(config.features.backbone));
    Ok(flow.with(generator, FlowOptions { pixel_type: PixelType::F32, ..options })?)
}

/// The folder whose photos are to be split: `train` where there is one, or DATA itself.
fn folder_to_split(data: &Path) -> anyhow::Result<PathBuf> {
    if !data.exists() {
        bail!(
            "{}: no such folder; with --split, photos are expected in {0}/CLASS/ or {0}/{TRAIN}/CLASS/",
            data.display()
        );
    }
    if data.join(VALIDATION).exists() {
        bail!(
            "{}: there are validation photos already; leave out --split, or move them away",
            data.join(VALIDATION).display()
        );
    }
    let train = data.join(TRAIN);
    Ok(if train.is_dir() { train } else { data.to_owned() })
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
    let (folder, samples, classes) = (flow.root().display(), flow.samples(), flow.class_names().len());
    tell!(terminal, "data_found", { %folder, samples, classes }, "{}", flow.found());
    for (count, name) in class_counts(flow).into_iter().zip(flow.class_names()) {
        if count == 0 {
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
        ImageDataGenerator::new()
            .flow_from_directory(folder, &DirectoryOptions::default(), FlowOptions::default())
            .unwrap()
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
