//! The run itself: index, backbone, fit, save.

use std::path::Path;
use std::time::Instant;

use xfer_backbones::{Architecture, Summary};
use xfer_loader::{Compat, DecodeScale, Flow, Report};
use xfer_trainer::callbacks::Callback;
use xfer_trainer::features::FeatureSource;
use xfer_trainer::features::cache::{Tally, data_digest};
use xfer_trainer::{
    Evaluation, Fit, FitOptions, Fitted, Model, ModelDescription, Outcome, Position, Recovery, State,
    WeightsDescription, preprocessing_of,
};

use super::TrainConfig;
use super::callbacks::{Around, callbacks};
use super::data::Data;
use super::features::{Source, Stores};
use super::judge::judge;
use super::learner::learner;
use super::manifest::{DataRecord, Manifest, PlanRecord};
use super::output::{self, Output};
use super::plan::Plan;
use super::progress::Progress;
use super::report::{Facts, TrainReport};
use super::settings::settings;
use super::states::States;
use super::verdict;
use crate::args::values::MetricsAddress;
use crate::frozen::Frozen;
use crate::interrupt::Interrupt;
use crate::log::tell;
use crate::telemetry::{self, Recorded};
use crate::terminal::{Terminal, print_json};
use crate::{Ending, backbone, failures};

pub(crate) fn run(config: TrainConfig) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(config.json, config.verbose);
    if let Some(result) = nothing_left(&config, &terminal) {
        if config.json {
            print_json(&result)?;
        }
        return Ok(Ending::Done);
    }
    let interrupt = Interrupt::install()?;
    let device = backbone::open_device(&config.features)?;
    backbone::check_weights(&config.features)?;
    output::check_vacant(config.output.as_deref(), config.overwrite)?;
    let data = Data::index(&config, &terminal)?;
    let run = output::run_name(config.output.as_deref());
    let recorded = Recorded::install(&device.to_string(), &run)?;
    let metrics_address = serve(&recorded, config.metrics, &terminal);

    let frozen = Frozen::find(&config.features, device, &config.cache, data.training.root(), &terminal)?;
    let classes = data.training.class_names().to_vec();
    terminal.line(Summary::short(config.features.backbone, classes.len()));

    let training = Plan::new(data.training.samples(), config.training);
    let validation = data.validation.as_ref().map(|flow| validation_plan(flow, &config, &terminal));
    let options = FitOptions {
        epochs: config.epochs,
        steps_per_epoch: training.steps as u64,
        validation_steps: validation.map(|plan| plan.steps as u64),
    };
    let optimizer = config.optimizer.config(options.epochs.saturating_mul(options.steps_per_epoch));
    let optimizer = optimizer.map_err(anyhow::Error::msg)?;
    let mut learner = learner(&config, &data.training, &optimizer)?;
    let stores = Stores::open(&config, &frozen.network, &data, &terminal);
    let digest = data_digest(&data.flows(), stores.known());
    let settings = settings(&config, &data, &digest, &frozen.network, (training, validation), &optimizer);
    let plan = PlanRecord {
        batch_size: training.batch_size,
        epochs: options.epochs,
        steps_per_epoch: options.steps_per_epoch,
        validation_steps: options.validation_steps,
    };
    let mut manifest = Manifest::begin(&config, DataRecord::of(&data, digest), &frozen.weights, device, plan, settings);
    if let Some(resumed) = &config.resumes {
        resumed.check_same(&manifest)?;
    }

    let folder = Output::create(config.output.as_deref(), &run)?;
    let mut states = States::new(folder.path(), config.callbacks.resume_every, &terminal);
    let from = states_of(&config, &states, &terminal);
    if config.overwrite && from.is_none() {
        folder.clear();
    }
    let position = from.as_ref().map_or(Ok(Position::default()), Position::of)?;
    manifest.write(folder.path())?;

    let mut train = stores.training(&data.training, training, position, &config, &frozen.network)?;
    let mut validate = match data.validation.as_ref().zip(validation) {
        Some((flow, plan)) => Some(stores.validation(flow, plan, position, &config, &frozen.network)?),
        None => None,
    };
    let around = Around { description: description(&config, classes, frozen.weights), batch_norm: frozen.calibrated };
    let mut progress = Progress::new(&terminal, options);
    let mut followers = callbacks(&config, folder.path(), validation.is_some(), &around)?;
    let mut all: Vec<&mut dyn Callback> = vec![&mut progress];
    for follower in &mut followers {
        all.push(&mut **follower);
    }
    let fitted = Fit {
        learner: &mut learner,
        training: &mut *train.features,
        validation: validate.as_mut().map(|source| &mut *source.features as &mut dyn FeatureSource),
        options,
        callbacks: all,
        stop: interrupt.finish_first(),
        from: from.as_ref(),
        recovery: Some(&mut states as &mut dyn Recovery),
    }
    .run();
    let reports: Vec<Report> =
        [Some(&train), validate.as_ref()].into_iter().flatten().map(|source| source.report.read()).collect();
    for report in &reports {
        failures::tell(report, &terminal);
    }
    let features = counts(&[Some(&train), validate.as_ref()]);
    drop((train, validate));
    // Who stops a run does not wait for a further pass over the photos.
    let came_to_its_end = fitted.as_ref().is_ok_and(|fitted| fitted.outcome != Outcome::Interrupted);
    let judged = data.validation.as_ref().zip(validation).filter(|_| came_to_its_end);
    let judged = judged.map(|(flow, plan)| judge(&learner.head, flow, plan, &stores, &config, &frozen.network));
    stores.finish();
    let fitted = fitted?;

    let Around { description, batch_norm } = around;
    let model = Model { head: learner.head, description, batch_norm };
    let digest = model.save(folder.path())?;
    keep(&recorded, folder.path(), &config, &terminal)?;
    let verdict = verdict::of(&fitted.time, &reports, features);
    let facts = Facts {
        verdict,
        advice: verdict::advice(&verdict, &config),
        digest,
        batch_size: training.batch_size,
        steps_per_epoch: options.steps_per_epoch,
        validation_steps: options.validation_steps,
        metrics_address,
        features,
        failures: reports.iter().flat_map(failures::list).collect(),
        seconds: start.elapsed().as_secs_f64(),
        images_before: from.as_ref().map_or(Ok(0), images)?,
        repeated: config.repeats.as_deref().map(|earlier| earlier.agreement(&manifest)),
    };
    let report = TrainReport::new(folder.path(), model, &fitted, facts);
    manifest.finish(report.result(&fitted));
    manifest.write(folder.path())?;
    page(folder.path(), judged, &terminal);
    finish(&config, report, &fitted, &terminal)
}

/// The report of the run; one that cannot be made is no reason for a training to fail.
fn page(folder: &Path, judged: Option<anyhow::Result<Evaluation>>, terminal: &Terminal) {
    let judged = judged.and_then(|judged| {
        let told =
            judged.inspect_err(|error| terminal.warn(format_args!("the validation photos were not judged: {error:#}")));
        told.ok()
    });
    if let Err(error) = crate::report::make(folder, judged.as_ref()) {
        terminal.warn(format_args!("there is no report of this run: {error:#}"));
    }
}

fn finish(
    config: &TrainConfig,
    mut report: TrainReport,
    fitted: &Fitted,
    terminal: &Terminal,
) -> anyhow::Result<Ending> {
    if let Some(earlier) = &config.repeats {
        report.compare_model(earlier);
    }
    report.tell(terminal);
    if config.json {
        print_json(&report)?;
    }
    Ok(if fitted.outcome == Outcome::Interrupted { Ending::Interrupted } else { Ending::Done })
}

/// The result of a run that is to be gone on with and has had all its epochs.
fn nothing_left(config: &TrainConfig, terminal: &Terminal) -> Option<serde_json::Value> {
    let resumed = config.resumes.as_deref()?;
    let result = resumed.result.as_ref().filter(|result| result["outcome"] == "finished")?;
    if resumed.plan.epochs < config.epochs {
        return None;
    }
    terminal.line(format_args!(
        "All {} epochs of this run are done; --epochs N goes on with it up to epoch N.",
        resumed.plan.epochs
    ));
    Some(result.clone())
}

/// The state to go on from, where there is one; old ones give way to a run that begins anew.
fn states_of(config: &TrainConfig, states: &States, terminal: &Terminal) -> Option<State> {
    if config.resumes.is_none() {
        states.clear();
        return None;
    }
    let state = states.newest();
    match state.as_ref().map(Position::of) {
        Some(Ok(Position { epoch, step })) => {
            terminal.line(format_args!("Going on after step {step} of epoch {}.", epoch + 1));
        }
        _ => terminal.line("No state was kept yet: the training begins anew."),
    }
    state
}

fn images(state: &State) -> Result<u64, xfer_trainer::TrainerError> {
    let fit = state.part("fit");
    Ok(fit.count("images")? + fit.count("epoch_images")? + fit.count("validation_images")?)
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

fn description(config: &TrainConfig, classes: Vec<String>, weights: WeightsDescription) -> ModelDescription {
    let features = &config.features;
    let decode = features.photos.decode_options();
    // What `auto` was: the model does not remember --compat.
    let decode_scale = match (features.photos.decode, config.augmented.compat_mode()) {
        (DecodeScale::Auto, Compat::Keras3) => DecodeScale::Exact,
        (asked, _) => asked,
    };
    ModelDescription {
        classes,
        backbone: features.backbone,
        weights,
        precision: features.precision,
        features: Architecture::FEATURES,
        preprocessing: preprocessing_of(features.backbone),
        image_size: [features.image_size.height, features.image_size.width],
        interpolation: features.interpolation,
        exif: decode.exif,
        depth16: decode.depth16,
        alpha: decode.alpha,
        decode: decode_scale,
        seed: config.seed,
    }
}

/// Serves metrics where that is possible; a port in use is no reason not to train.
fn serve(recorded: &Recorded, address: MetricsAddress, terminal: &Terminal) -> Option<String> {
    let MetricsAddress::At(address) = address else { return None };
    match recorded.serve(address) {
        Ok(address) => {
            let url = format!("http://{address}/metrics");
            tell!(terminal, "metrics_served", { url = url.as_str() }, "Metrics are served on {url}.");
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
