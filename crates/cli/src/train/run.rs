//! The run itself: index, backbone, fit, save.

use std::path::Path;
use std::time::Instant;

use xfer_backbones::{Architecture, Backbone, Summary};
use xfer_loader::{Flow, FlowOptions, Report, ReportHandle};
use xfer_trainer::callbacks::CsvLogger;
use xfer_trainer::features::{Extracted, FeatureSource};
use xfer_trainer::{
    Fit, FitOptions, Fitted, Head, Learner, Model, ModelDescription, Outcome, Sgd, WeightsDescription, preprocessing_of,
};

use super::TrainConfig;
use super::data::Data;
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
    let (mut train, training_report) = source(&data.training, training, passes, "training", &config, &backbone)?;
    let (mut validate, validation_report) = match data.validation.as_ref().zip(validation) {
        Some((flow, plan)) => {
            let (source, report) = source(flow, plan, config.epochs, "validation", &config, &backbone)?;
            (Some(source), Some(report))
        }
        None => (None, None),
    };
    let mut history = CsvLogger::new(folder.path().join(output::HISTORY_FILE));
    let mut progress = Progress::new(&terminal, options);
    let fitted = Fit {
        learner: &mut learner,
        training: &mut train,
        validation: validate.as_mut().map(|source| source as &mut dyn FeatureSource),
        options,
        callbacks: vec![&mut history, &mut progress],
        stop: interrupt.finish_first(),
    }
    .run();
    let reports: Vec<Report> =
        [Some(training_report), validation_report].into_iter().flatten().map(|report| report.read()).collect();
    for report in &reports {
        failures::tell(report, &terminal);
    }
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

/// Features of `passes` passes, and what the loader has to say about the photos; a validation is a pass that may be cut
/// short.
fn source<'a>(
    flow: &Flow,
    plan: Plan,
    passes: u64,
    name: &'static str,
    config: &TrainConfig,
    backbone: &'a Backbone,
) -> anyhow::Result<(impl FeatureSource + use<'a>, ReportHandle)> {
    let max_batches = (!flow.options().shuffle).then_some(plan.steps);
    let options = FlowOptions { batch_size: plan.batch_size, max_batches, ..flow.options().clone() };
    let stream = flow.with_options(options)?.stream(0..passes, &backbone::loader_options(&config.features, name))?;
    let report = stream.report();
    Ok((Extracted::new(stream.blocking(), backbone), report))
}

fn description(config: &TrainConfig, classes: Vec<String>, backbone: &Backbone) -> ModelDescription {
    let features = &config.features;
    let decode = features.photos.decode_options();
    ModelDescription {
        classes,
        backbone: features.backbone,
        weights: WeightsDescription::of(backbone, features.weights.to_string()),
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
