//! A run and its evaluation -> the page.

use std::path::Path;

use askama::Template;
use xfer_loader::DecodeOptions;
use xfer_trainer::LEARNING_RATE;
use xfer_trainer::evaluation::{ClassScores, Evaluation, Judged};

use super::chart::{self, Axes, Line};
use super::matrix;
use super::problems::{self, Reason};
use super::thumbnails::{Thumbnail, Thumbnails};
use super::time::Time;
use crate::runs::Run;

/// Photos of each kind that are shown.
const SHOWN: usize = 12;
/// Pairs of classes that are listed.
const CONFUSIONS: usize = 12;

/// What the template is filled with. Everything but pictures of our own is escaped there.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    name: String,
    state: String,
    headline: Vec<Fact>,
    warnings: Vec<String>,
    curves: Vec<Curve>,
    evaluation: Option<Judgement>,
    classes: Vec<ClassRow>,
    data_digest: String,
    skipped: usize,
    reasons: Vec<Reason>,
    unlisted: usize,
    known_failures: bool,
    time: Option<Time>,
    facts: Vec<Fact>,
    command: String,
}

/// A name and a value.
pub(super) struct Fact {
    name: String,
    value: String,
}

/// A picture of some metrics.
pub(super) struct Curve {
    title: String,
    svg: String,
    /// Name and class of every line.
    legend: Vec<(String, &'static str)>,
    note: String,
}

struct Judgement {
    samples: u64,
    accuracy: String,
    loss: String,
    expected_error: String,
    reliability: String,
    matrix: String,
    confusions: Vec<(String, String, u64)>,
    scores: Vec<(String, Scores)>,
    averages: Vec<(&'static str, [String; 3])>,
    most_wrong: Vec<Photo>,
    wrong: u64,
    least_sure: Vec<Photo>,
}

struct Scores {
    precision: String,
    recall: String,
    f1: String,
    support: u64,
}

/// Photos of one class.
struct ClassRow {
    name: String,
    training: u64,
    validation: u64,
    /// Of the largest class, in percent.
    width: u64,
}

struct Photo {
    picture: Result<Thumbnail, String>,
    path: String,
    label: String,
    predicted: String,
    confidence: String,
    label_probability: String,
    right: bool,
}

impl Page {
    pub(super) fn of(run: &Run, evaluation: Option<&Evaluation>) -> Self {
        let failures = run.failures();
        let (reasons, unlisted) = problems::by_reason(failures);
        let mut warnings: Vec<String> = run.problems.iter().map(ToString::to_string).collect();
        if run.model.as_ref().is_some_and(|model| model.weights.untrained) {
            warnings.insert(0, format!("{}.", crate::backbone::UNTRAINED));
        }
        Self {
            name: run.name.clone(),
            state: run.state().to_string(),
            headline: headline(run),
            warnings,
            curves: curves(run),
            evaluation: evaluation.map(|evaluation| judgement(run, evaluation)),
            classes: classes(run),
            data_digest: run.data_digest().unwrap_or_default().to_owned(),
            skipped: failures.len(),
            reasons,
            unlisted,
            known_failures: run.result().is_some(),
            time: Time::of(run),
            facts: facts(run),
            command: command(run),
        }
    }
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into() }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What a reader looks for first.
fn headline(run: &Run) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (metric, name) in
        [("val_accuracy", "validation accuracy"), ("val_loss", "validation loss"), ("accuracy", "training accuracy")]
    {
        if let (Some(best), Some(last)) = (run.best(metric), run.last(metric)) {
            let shown = |value: f64| if metric.ends_with("accuracy") { percent(value) } else { format!("{value:.4}") };
            let mut value = shown(last.value);
            if best.epoch != last.epoch {
                value.push_str(&format!(" (best {} in epoch {})", shown(best.value), best.epoch + 1));
            }
            facts.push(fact(name, value));
        }
    }
    if let Some(epochs) = run.epochs() {
        let planned = run.planned_epochs().filter(|planned| *planned != epochs);
        facts.push(fact("epochs", planned.map_or(epochs.to_string(), |planned| format!("{epochs} of {planned}"))));
    }
    if let Some(result) = run.result() {
        if let Some(seconds) = result.seconds {
            facts.push(fact("time", format!("{seconds:.1} s")));
        }
        if let Some(rate) = result.images_per_second {
            facts.push(fact("speed", format!("{rate:.1} images/s")));
        }
    }
    facts
}

/// Training and validation of a metric in one picture.
fn curves(run: &Run) -> Vec<Curve> {
    let Some(history) = &run.history else { return Vec::new() };
    let points = |name: &str| -> Vec<(f64, f64)> {
        let values = history.column(name).unwrap_or_default();
        history.epochs.iter().zip(values).filter_map(|(&epoch, value)| Some((epoch as f64 + 1.0, (*value)?))).collect()
    };
    let trained: Vec<&str> = history.columns().map(|(name, _)| name).filter(|name| !name.starts_with("val_")).collect();
    let first = ["loss", "accuracy"].into_iter().filter(|name| trained.contains(name));
    let rest = trained.iter().copied().filter(|name| !["loss", "accuracy", LEARNING_RATE].contains(name));
    let last = trained.iter().copied().filter(|name| *name == LEARNING_RATE);
    let mut curves = Vec::new();
    for name in first.chain(rest).chain(last) {
        let mut lines = vec![Line { name: "training".to_owned(), class: "train", points: points(name) }];
        let validation = format!("val_{name}");
        if history.column(&validation).is_some() {
            lines.push(Line { name: "validation".to_owned(), class: "val", points: points(&validation) });
        }
        let title = name.replace('_', " ");
        let y = (name.ends_with("accuracy"))
            .then_some((0.0, 1.0))
            .or((name == "loss" || name == LEARNING_RATE).then_some((0.0, 0.0)));
        let axes = Axes { title: &format!("{title} by epoch"), across: "epoch", x: None, y, whole_x: true };
        let strange = lines.iter().flat_map(|line| &line.points).filter(|point| !point.1.is_finite()).count();
        curves.push(Curve {
            svg: chart::lines(axes, &lines),
            legend: lines.iter().map(|line| (line.name.clone(), line.class)).collect(),
            note: if strange > 0 { format!("{strange} values are not finite and not drawn.") } else { String::new() },
            title,
        });
    }
    curves
}

fn classes(run: &Run) -> Vec<ClassRow> {
    let (training, validation) = (run.training(), run.validation());
    let of = |photos: Option<&crate::runs::Photos>, name: &str| {
        photos.and_then(|photos| photos.classes.get(name)).copied().unwrap_or(0)
    };
    let names = training.into_iter().flat_map(|photos| photos.classes.keys());
    let most = training.into_iter().flat_map(|photos| photos.classes.values()).max().copied().unwrap_or(1).max(1);
    let row = |name: &String| {
        let count = of(training, name);
        ClassRow { name: name.clone(), training: count, validation: of(validation, name), width: count * 100 / most }
    };
    names.map(row).collect()
}

fn judgement(run: &Run, evaluation: &Evaluation) -> Judgement {
    let mut thumbnails = Thumbnails::default();
    let options = run.model.as_ref().map_or_else(DecodeOptions::default, |model| DecodeOptions {
        exif: model.exif,
        depth16: model.depth16,
        alpha: model.alpha,
        ..DecodeOptions::default()
    });
    let class = |label: u32| evaluation.classes.get(label as usize).cloned().unwrap_or_default();
    let root = run.validation().and_then(|photos| photos.folder.as_deref());
    let mut photo = |judged: &Judged| Photo {
        picture: thumbnails.make(&judged.path, &options),
        path: shown_path(&judged.path, root),
        label: class(judged.label),
        predicted: class(judged.predicted),
        confidence: percent(judged.confidence.into()),
        label_probability: percent(judged.label_probability.into()),
        right: judged.label == judged.predicted,
    };
    let scores = |scores: &ClassScores| Scores {
        precision: percent(scores.precision),
        recall: percent(scores.recall),
        f1: percent(scores.f1),
        support: scores.support,
    };
    let right: u64 = evaluation.confusion.iter().enumerate().filter_map(|(class, row)| row.get(class)).sum();
    let average = |name, averages: xfer_trainer::evaluation::Averages| {
        (name, [averages.precision, averages.recall, averages.f1].map(percent))
    };
    Judgement {
        samples: evaluation.samples,
        accuracy: percent(evaluation.accuracy),
        loss: format!("{:.4}", evaluation.loss),
        expected_error: percent(evaluation.calibration.expected_error),
        reliability: reliability(evaluation),
        matrix: matrix::draw(&evaluation.classes, &evaluation.confusion),
        confusions: (evaluation.top_confusions.iter().take(CONFUSIONS))
            .map(|pair| (class(pair.label), class(pair.predicted), pair.count))
            .collect(),
        scores: evaluation.classes.iter().cloned().zip(evaluation.per_class.iter().map(scores)).collect(),
        averages: vec![
            average("mean of the classes", evaluation.macro_average),
            average("weighted by photos", evaluation.weighted_average),
        ],
        most_wrong: evaluation.most_wrong.iter().take(SHOWN).map(&mut photo).collect(),
        wrong: evaluation.samples.saturating_sub(right),
        least_sure: evaluation.least_sure.iter().take(SHOWN).map(&mut photo).collect(),
    }
}

/// Under the folder of the validation where it is there.
fn shown_path(path: &Path, root: Option<&Path>) -> String {
    root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path).display().to_string()
}

fn reliability(evaluation: &Evaluation) -> String {
    let bins = evaluation.calibration.bins.iter().filter(|bin| bin.count > 0);
    let axes = Axes {
        title: "accuracy by confidence",
        across: "confidence",
        x: Some((0.0, 1.0)),
        y: Some((0.0, 1.0)),
        whole_x: false,
    };
    let ideal = Line { name: "ideal".to_owned(), class: "ideal", points: vec![(0.0, 0.0), (1.0, 1.0)] };
    let points = bins.map(|bin| (bin.confidence, bin.accuracy)).collect();
    chart::lines(axes, &[ideal, Line { name: "accuracy".to_owned(), class: "val", points }])
}

/// Everything that the result came from.
fn facts(run: &Run) -> Vec<Fact> {
    let manifest = run.manifest.as_ref();
    let plan = manifest.and_then(|manifest| manifest.plan.as_ref());
    let model = run.model.as_ref();
    let folder = |photos: Option<&crate::runs::Photos>| {
        photos.and_then(|photos| Some(format!("{} ({} photos)", photos.folder.as_ref()?.display(), photos.samples?)))
    };
    let all = [
        ("started", manifest.and_then(|manifest| manifest.started.clone())),
        ("finished", manifest.and_then(|manifest| manifest.finished.clone())),
        ("training photos", folder(run.training())),
        ("validation photos", folder(run.validation())),
        ("data digest", run.data_digest().map(str::to_owned)),
        ("backbone", run.backbone()),
        ("weights", run.weights().map(str::to_owned)),
        ("weights digest", run.weights_digest().map(str::to_owned)),
        ("image size", model.map(|model| format!("{} x {}", model.image_size[0], model.image_size[1]))),
        ("interpolation", model.map(|model| model.interpolation.to_string())),
        ("seed", run.seed().map(|seed| seed.to_string())),
        ("batch size", plan.and_then(|plan| plan.batch_size).map(|size| size.to_string())),
        ("steps per epoch", plan.and_then(|plan| plan.steps_per_epoch).map(|steps| steps.to_string())),
        ("device", manifest.and_then(|manifest| manifest.device.clone())),
        ("precision", manifest.and_then(|manifest| manifest.precision.clone())),
        ("model digest", run.result().and_then(|result| result.model_digest.clone())),
    ];
    let mut facts: Vec<Fact> = all.into_iter().filter_map(|(name, value)| Some(fact(name, value?))).collect();
    for (program, version) in manifest.into_iter().flat_map(|manifest| &manifest.program) {
        facts.push(fact(program, version.as_str().map_or_else(|| version.to_string(), str::to_owned)));
    }
    facts
}

/// The command line that trains this again, for a POSIX shell.
fn command(run: &Run) -> String {
    let Some(manifest) = &run.manifest else { return String::new() };
    let quoted = manifest.arguments.iter().map(|word| quote(word));
    std::iter::once("xfer-cli".to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
