//! Images per second of the loader, of the backbone, and of both together.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::command::Cli;
use super::idle::Watch;
use super::report::{Report, Standing};
use super::{Job, Options};
use crate::bench::corpus;

/// Together they must reach so much of what the slower one reaches alone.
const SHARE: f64 = 0.95;

pub(super) fn measure(
    job: &Job<'_>,
    cli: &Cli,
    precisions: &[String],
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let options = job.options;
    let photos = corpus::own(job.photos)?;
    let (some, many) = (options.images as usize / 4, options.images as usize);
    let some = corpus::repeated(&photos, some, &folder.join("some"))?.folder;
    let many = corpus::repeated(&photos, many, &folder.join("many"))?.folder;
    println!("loader alone, {} images", options.images);
    let loader = loader(options, cli, &many)?;
    report.rate("loader alone", loader);
    for precision in precisions {
        println!("{}, {precision}", job.backbone);
        let backbone = match backbone(job, cli, precision, precisions, &many) {
            Ok(Some(rate)) => {
                report.rate(&format!("{} {precision} alone", job.backbone), rate);
                Some(rate)
            }
            Ok(None) => {
                let name = format!("{} {precision} alone", job.backbone);
                report.add(&name, Standing::Skipped, "this xfer-cli has no `bench backbone`");
                None
            }
            Err(error) => {
                report.add(&format!("{} {precision} alone", job.backbone), Standing::Failed, format!("{error:#}"));
                None
            }
        };
        let (together, idle) = together(job, cli, precision, precisions, &some, &many, folder)?;
        let name = format!("{} {precision} with the loader", job.backbone);
        if let Some(backbone) = backbone {
            let share = together / loader.min(backbone);
            let text = format!("{together:.0} images/s, {:.0}% of the slower one", 100.0 * share);
            report.measured(&name, Standing::of(share >= SHARE), text, share, Some(SHARE));
        } else {
            let share = together / loader;
            report.measured(
                &name,
                Standing::Skipped,
                format!(
                    "{together:.0} images/s, {:.0}% of the loader alone; of the backbone alone nothing is known",
                    100.0 * share
                ),
                together,
                None,
            );
        }
        let name = format!("{} {precision} GPU idle", job.backbone);
        match idle {
            Some(idle) => {
                report.measured(&name, Standing::Measured, format!("{:.0}% of the time", 100.0 * idle), idle, None);
            }
            None => report.add(&name, Standing::Skipped, "nvidia-smi saw no work, or is not here"),
        }
    }
    Ok(())
}

fn loader(options: &Options, cli: &Cli, images: &Path) -> Result<f64> {
    let mut command = Command::new(cli.executable());
    command
        .args(["bench", "loader", "--json", "--pixels", "u8", "--latency", "0", "--passes", "3", "--data"])
        .arg(images);
    command.args(["--image-size", &options.image_size.to_string()]);
    command.args(["--batch-size", &options.batch_size.to_string()]);
    rate(&cli.document(command)?)
}

/// `None` where the executable cannot measure it. Options that it does not know are left out.
fn backbone(job: &Job<'_>, cli: &Cli, precision: &str, precisions: &[String], images: &Path) -> Result<Option<f64>> {
    let help = cli.help(&["bench", "backbone"])?;
    if help.is_empty() {
        return Ok(None);
    }
    let mut command = Command::new(cli.executable());
    command.args(["bench", "backbone", "--json"]);
    let (size, batch) = (job.options.image_size.to_string(), job.options.batch_size.to_string());
    let images = images.to_string_lossy();
    let mut wanted = vec![
        ("--device", job.options.device.as_str()),
        ("--backbone", job.backbone),
        ("--weights", &job.weights),
        ("--image-size", &size),
        ("--batch-size", &batch),
        ("--data", &images),
    ];
    if precisions.len() > 1 {
        wanted.push(("--precision", precision));
    }
    for (name, value) in wanted.into_iter().filter(|(name, _)| help.contains(name)) {
        command.args([name, value]);
    }
    rate(&cli.document(command)?).map(Some)
}

/// Images per second of a long run, without what a short one takes as well (the first batch, for one); and how idle the
/// GPU was.
fn together(
    job: &Job<'_>,
    cli: &Cli,
    precision: &str,
    precisions: &[String],
    some: &Path,
    many: &Path,
    folder: &Path,
) -> Result<(f64, Option<f64>)> {
    let file = folder.join("speed.safetensors");
    let device = &job.options.device;
    let short = seconds(&cli.extract(job, device, precision, precisions, some, &file)?)?;
    let watch = Watch::start(&job.options.nvidia_smi, device);
    let long = seconds(&cli.extract(job, device, precision, precisions, many, &file)?)?;
    Ok((marginal(short, long), watch.and_then(Watch::idle)))
}

/// Of two runs of (images, seconds).
fn marginal((few, short): (f64, f64), (many, long): (f64, f64)) -> f64 {
    if long > short && many > few { (many - few) / (long - short) } else { many / long }
}

/// Images, and the seconds that they took.
fn seconds(document: &Value) -> Result<(f64, f64)> {
    let images = document["images"].as_f64().context("the document has no `images`")?;
    Ok((images, images / rate(document)?))
}

fn rate(document: &Value) -> Result<f64> {
    let rate = document["images_per_second"].as_f64().filter(|rate| *rate > 0.0);
    rate.context("the document has no `images_per_second`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_short_run_takes_as_well_does_not_count() {
        // Two seconds of start-up, then 100 images a second.
        assert_eq!(marginal((100.0, 3.0), (400.0, 6.0)), 100.0);
        // Noise: the long run was faster in all.
        assert_eq!(marginal((100.0, 3.0), (400.0, 2.0)), 200.0);
        let document = serde_json::json!({ "images": 10, "images_per_second": 5.0 });
        assert_eq!(seconds(&document).unwrap(), (10.0, 2.0));
        assert!(seconds(&serde_json::json!({ "images": 10 })).is_err());
    }
}
