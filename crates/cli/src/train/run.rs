//! The run itself: index, backbone, fit, save.

use std::path::Path;
use std::time::Instant;

use xfer_backbones::{Architecture, Backbone, Summary};
use xfer_loader::{Flow, Report};
use xfer_trainer::callbacks::CsvLogger;
use xfer_trainer::features::FeatureSource;
use xfer_trainer::features::cache::Tally;
use xfer_trainer::{
    Fit, FitOptions, Fitted, Head, Learner, Model, ModelDescription, Outcome, Sgd, WeightsDescription, preprocessing_of,
};

use super::TrainConfig;
use super::data::Data;
use super::features::{Source, Stores};
use super::output::{self, Output};
use super::plan::Plan;
use super::progress::Progress;
use super::report::{Facts, TrainReport};
use crate::args::values::MetricsAddress;
use crate::interrupt::Interrupt;
use crate::telemetry::{self, Recorded};
use crate::terminal::{Terminal, print_json};
use crate::{Ending, backbone, failures};

pub(crate) fn run(config: TrainConfig) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(config.json, config.verbose);
    let interrupt = Interrupt::install()?;
    let device = backbone::open_device(&config.features)?;
    backbone::check_weights(&config.features)?;
    output::check_vacant(config.output.as_deref(), config.overwrite)?;
    let data = Data::index(&config, &terminal)?;
    let run = output::run_name(config.output.as_deref());
    let recorded = Recorded::install(&device.to_string(), &run)?;
    let metrics_address = serve(&recorded, config.metrics, &terminal);

    let mut backbone = backbone::open(&config.features, device, &terminal)?;
    let calibrated = backbone::calibrate(&mut backbone, &config.features, data.training.root(), &terminal)?;
    let classes = data.training.class_names().to_vec();
    terminal.line(Summary::short(config.features.backbone, classes.len()));

    let training = Plan::new(data.training.samples(), config.training);
    let validation = data.validation.as_ref().map(|flow| validation_plan(flow, &config, &terminal));
    let options = FitOptions {
        epochs: config.epochs,
        steps_per_epoch: training.steps as u64,
        validation_steps: validation.map(|plan| plan.steps as u64),
    };
    let head = Head::glorot_uniform(Architecture::FEATURES, classes.len(), config.seed)?;
    let mut learner = Learner::new(head, Box::new(Sgd::new(config.learning_rate)));
    let folder = Output::create(config.output.as_deref(), &run)?;

    let passes = training.passes(data.training.samples(), config.epochs);
    let stores = Stores::open(&config, &backbone, &data, &terminal);
    let mut train = stores.training(&data.training, training, passes, &config, &backbone)?;
    let mut validate = match data.validation.as_ref().zip(validation) {
        Some((flow, plan)) => Some(stores.validation(flow, plan, &config, &backbone)?),
        None => None,
    };
    let mut history = CsvLogger::new(folder.path().join(output::HISTORY_FILE));
    let mut progress = Progress::new(&terminal, options);
    let fitted = Fit {
        learner: &mut learner,
        training: &mut *train.features,
        validation: validate.as_mut().map(|source| &mut *source.features as &mut dyn FeatureSource),
        options,
        callbacks: vec![&mut history, &mut progress],
        stop: interrupt.finish_first(),
        from: None,
        recovery: None,
    }
    .run();
    let reports: Vec<Report> =
        [Some(&train), validate.as_ref()].into_iter().flatten().map(|source| source.report.read()).collect();
    for report in &reports {
        failures::tell(report, &terminal);
    }
    let features = counts(&[Some(&train), validate.as_ref()]);
    drop((train, validate));
    stores.finish();
    let fitted = fitted?;

    let model = Model {
        head: learner.head,
        description: description(&config, classes, &backbone),
        batch_norm: calibrated.then(|| backbone.batch_norm_statistics()),
    };
    let digest = model.save(folder.path())?;
    keep(&recorded, folder.path(), &config, &terminal)?;
    let facts = Facts {
        digest,
        batch_size: training.batch_size,
        steps_per_epoch: options.steps_per_epoch,
        validation_steps: options.validation_steps,
        metrics_address,
        features,
        failures: reports.iter().flat_map(failures::list).collect(),
        seconds: start.elapsed().as_secs_f64(),
    };
    finish(&config, &TrainReport::new(folder.path(), model, &fitted, facts), &fitted, &terminal)
}

fn finish(config: &TrainConfig, report: &TrainReport, fitted: &Fitted, terminal: &Terminal) -> anyhow::Result<Ending> {
    report.tell(terminal);
    if config.json {
        print_json(report)?;
    }
    Ok(if fitted.outcome == Outcome::Interrupted { Ending::Interrupted } else { Ending::Done })
}

/// Steps beyond one pass would judge photos twice.
fn validation_plan(flow: &Flow, config: &TrainConfig, terminal: &Terminal) -> Plan {
    let asked = Plan::new(flow.samples(), config.validation);
    let plan = asked.within_one_pass(flow.samples());
    if plan != asked {
        terminal.warn(format_args!(
            "{} validation steps of {} photos are more than one pass over {}; {} will do",
            asked.steps,
            asked.batch_size,
            flow.samples(),
            plan.steps
        ));
    }
    plan
}

/// How many vectors came from the cache, and how many were computed; `None` where there is no cache.
fn counts(sources: &[Option<&Source<'_>>]) -> Option<(u64, u64)> {
    let tallies = || sources.iter().flatten().filter_map(|source| source.tally.as_ref());
    tallies().next()?;
    Some((tallies().map(Tally::cached).sum(), tallies().map(Tally::computed).sum()))
}

fn description(config: &TrainConfig, classes: Vec<String>, backbone: &Backbone) -> ModelDescription {
    let features = &config.features;
    let decode = features.photos.decode_options();
    ModelDescription {
        classes,
        backbone: features.backbone,
        weights: WeightsDescription::of(backbone, features.weights.to_string()),
        precision: features.precision,
        features: Architecture::FEATURES,
        preprocessing: preprocessing_of(features.backbone),
        image_size: [features.image_size.height, features.image_size.width],
        interpolation: features.interpolation,
        exif: decode.exif,
        depth16: decode.depth16,
        alpha: decode.alpha,
        decode: features.photos.decode,
        seed: config.seed,
    }
}

/// Serves metrics where that is possible; a port in use is no reason not to train.
fn serve(recorded: &Recorded, address: MetricsAddress, terminal: &Terminal) -> Option<String> {
    let MetricsAddress::At(address) = address else { return None };
    match recorded.serve(address) {
        Ok(address) => {
            let url = format!("http://{address}/metrics");
            terminal.line(format_args!("Metrics are served on {url}."));
            if telemetry::is_public(address.ip()) {
                terminal.warn(format_args!("{address} can be reached by other machines, and asks for no password"));
            }
            Some(url)
        }
        Err(error) => {
            terminal.warn(format_args!("{error:#}; training goes on without"));
            None
        }
    }
}

/// Keeps what was measured, for runs that end between two scrapes; a gateway that is not there does not fail a run that
/// is over.
fn keep(recorded: &Recorded, folder: &Path, config: &TrainConfig, terminal: &Terminal) -> anyhow::Result<()> {
    recorded.write(&folder.join(output::METRICS_FILE))?;
    if let Some(url) = &config.metrics_push
        && let Err(error) = recorded.push(url)
    {
        terminal.warn(format_args!("{error:#}; {} has them", output::METRICS_FILE));
    }
    Ok(())
}
