//! `cargo xtask quickstart`: from a fresh clone to a trained classifier.
//!
//! What cannot be downloaded is replaced and said: random weights for the published ones, drawn photos for real ones.

mod photos;
mod stages;

use anyhow::Result;
use clap::Args;
use xfer_hub::{FetchOptions, HubError, WeightFile};

use self::photos::Photos;
use self::stages::Stages;
use crate::{cargo, fetch_weights, process, setup, workspace};

/// Which libtorch to use; everything else is found out.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    setup: setup::Options,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut stages = Stages::default();
    stages.run("libtorch", || setup::run(&options.setup))?;
    let pretrained = stages.run("weights", weights)?;
    let photos = stages.run("photos", photos::ensure)?;
    let executable = stages.run("build", || cargo::build_release("xfer-cli", "xfer-cli"))?;
    stages.run("train", || {
        let mut command = std::process::Command::new(&executable);
        command.current_dir(workspace::root()).arg("train");
        process::run(command.args(training_arguments(pretrained, &photos)))
    })?;

    println!();
    print!("{}", stages.table());
    if pretrained {
        println!("backbone: ResNet50 with its published ImageNet weights");
    } else {
        println!("backbone: UNTRAINED, random weights; the accuracy says nothing about a trained one");
        println!("  `cargo xtask fetch-weights` says which file to get from where, and where to put it");
    }
    println!("photos: {photos}");
    println!("next:");
    let program = executable.display();
    println!("  {program} train --data DIR --epochs 10    your own photos: DIR/train/CLASS/*.jpg, DIR/val/CLASS/*.jpg");
    println!("  {program} --help");
    println!("  cargo xtask test");
    Ok(())
}

/// Whether the published weights are on this machine now.
fn weights() -> Result<bool> {
    let file = WeightFile::by_name("resnet50")?;
    match fetch_weights::one(file, &FetchOptions::from_env()?) {
        Ok(path) => {
            println!("resnet50: {}", path.display());
            Ok(true)
        }
        // A full disk or a folder that cannot be written would stop what follows as well.
        Err(error @ (HubError::DiskFull { .. } | HubError::Io { .. })) => Err(error.into()),
        Err(error) => {
            println!("{error}");
            println!("going on with random weights: the backbone is untrained");
            Ok(false)
        }
    }
}

fn training_arguments(pretrained: bool, photos: &Photos) -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<std::ffi::OsString> =
        ["--steps-per-epoch", "6", "--validation-steps", "1"].map(Into::into).to_vec();
    if let Some(folder) = photos.data_argument() {
        arguments.extend(["--data".into(), folder.as_os_str().to_owned()]);
    }
    if !pretrained {
        arguments.extend(["--weights", "random"].map(Into::into));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_the_defaults_is_passed_on() {
        let default = ["--steps-per-epoch", "6", "--validation-steps", "1"];
        assert_eq!(training_arguments(true, &Photos::Real), default);
        assert_eq!(
            training_arguments(false, &Photos::Drawn("input/drawn-photos".into())),
            [&default[..], &["--data", "input/drawn-photos", "--weights", "random"]].concat()
        );
    }
}
