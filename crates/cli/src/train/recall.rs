//! `--resume` and `--from`: the command line of an earlier run, given again.

use std::path::Path;

use anyhow::Context;
use clap::Parser;

use super::manifest::{MANIFEST_FILE, Manifest};
use super::{TrainArgs, TrainConfig};
use crate::args::given::overridden;
use crate::args::{Args, Verb};

/// The checked command line: that of an earlier run where one is named, with what is `given` now in the place of what was
/// given then. The outer error is one of usage.
pub(crate) fn command(args: TrainArgs, given: Vec<String>) -> Result<anyhow::Result<TrainConfig>, clap::Error> {
    let (resumed, path) = match (&args.resume, &args.from) {
        (Some(run), _) => (true, run.join(MANIFEST_FILE)),
        (None, Some(manifest)) => (false, manifest.clone()),
        (None, None) => {
            let config = args.check()?;
            return Ok(Ok(TrainConfig { arguments: given, ..config }));
        }
    };
    let manifest = match Manifest::read(&path).with_context(|| unreadable(&path, resumed)) {
        Ok(manifest) => manifest,
        Err(error) => return Ok(Err(error)),
    };
    let words = overridden(manifest.arguments.get(1..).unwrap_or_default(), given);
    let line = ["xfer-cli", "train"].into_iter().map(str::to_owned).chain(words.iter().cloned());
    let Verb::Train(earlier) = Args::try_parse_from(line)?.verb else { unreachable!("the verb is train") };
    let merged = TrainArgs {
        output: args.resume.clone().or(args.output),
        overwrite: resumed || args.overwrite,
        metrics_addr: args.metrics_addr,
        metrics_push: args.metrics_push,
        json: args.json,
        verbose: args.verbose,
        ..*earlier
    };
    let mut config = TrainConfig { arguments: words, ..merged.check()? };
    let manifest = Some(Box::new(manifest));
    if resumed {
        config.resumes = manifest;
    } else {
        config.repeats = manifest;
    }
    Ok(Ok(config))
}

fn unreadable(path: &Path, resumed: bool) -> String {
    if resumed && !path.exists() {
        let folder = path.parent().unwrap_or(path).display();
        return format!(
            "{folder}: no run to go on with; one that ended before it began is begun anew by its own command"
        );
    }
    format!("{}: the run that it is of cannot be repeated", path.display())
}
