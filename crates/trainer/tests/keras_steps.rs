//! Loss and accuracy of every step against Keras' own `train_on_batch`, for each optimizer, schedule and option;
//! `goldens/make.py` made the goldens.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xfer_trainer::{
    Activation, Dense, Dropout, EpochMetrics, Head, Learner, Loss, Metric, OptimizerConfig, Samples, Targets,
};

const ROWS: usize = 64;
const BATCH: usize = 16;

#[derive(Deserialize)]
struct Golden {
    features: usize,
    scale: f32,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    optimizer: OptimizerConfig,
    tolerance: f64,
    classes: usize,
    activation: Activation,
    labels: bool,
    outputs: usize,
    hidden: Option<usize>,
    dropout: f64,
    seed: u64,
    label_smoothing: f64,
    class_weights: Option<Vec<f32>>,
    sample_weights: bool,
    losses: Vec<f32>,
    correct: Vec<usize>,
    learning_rates: Vec<f32>,
    final_loss: f32,
    epoch: BTreeMap<String, f32>,
}

/// What the samples should be taken for.
enum Wanted {
    Classes(Vec<u32>),
    Labels(Vec<f32>),
}

/// How far a row is from Keras at most.
#[derive(Default)]
struct Differences {
    loss: f64,
    learning_rate: f64,
    final_loss: f64,
    auc: f64,
    metrics: f64,
}

/// `draw` of the script.
fn draw(count: usize, salt: u64) -> impl Iterator<Item = f32> {
    (0..count as u64).map(move |i| {
        let mut x = (i + salt * 1_000_003).wrapping_mul(2_654_435_761) & 0xFFFF_FFFF;
        x ^= x >> 15;
        x = x.wrapping_mul(2_246_822_519) & 0xFFFF_FFFF;
        (x >> 16) as f32 / 65536.0
    })
}

fn kernel(count: usize, salt: u64, scale: f32) -> Vec<f32> {
    draw(count, salt).map(|unit| (unit - 0.5) * scale).collect()
}

fn difference(ours: f32, theirs: f32) -> f64 {
    (f64::from(ours) - f64::from(theirs)).abs() / f64::from(theirs).abs().max(1e-30)
}

impl Row {
    fn learner(&self, features: usize) -> Learner {
        let dense = |inputs, outputs, salt, scale| {
            Dense::from_parameters(inputs, outputs, &kernel(inputs * outputs, salt, scale), vec![0.0; outputs]).unwrap()
        };
        let hidden = self.hidden.map(|units| dense(features, units, 11, 0.5));
        let output = dense(self.hidden.unwrap_or(features), self.outputs, 9, 0.125);
        let head = Head::from_layers(hidden, output, self.activation).unwrap();
        let mut learner = Learner::new(head, self.optimizer.build().unwrap());
        learner.loss = Loss::default().with_label_smoothing(self.label_smoothing).unwrap();
        if let Some(weights) = &self.class_weights {
            learner.loss = learner.loss.with_class_weights(weights.clone()).unwrap();
        }
        learner.dropout = (self.dropout > 0.0).then(|| Dropout::new(self.dropout, self.seed).unwrap());
        learner
    }

    fn wanted(&self, rows: &[usize]) -> Wanted {
        if self.labels {
            let all: Vec<f32> = draw(ROWS * self.outputs, 4).map(|unit| f32::from(unit > 0.6)).collect();
            return Wanted::Labels(
                rows.iter().flat_map(|&i| all[i * self.outputs..][..self.outputs].to_vec()).collect(),
            );
        }
        Wanted::Classes(rows.iter().map(|&i| ((7 * i + i / 3) % self.classes) as u32).collect())
    }

    /// Replays the steps; every count must be Keras'.
    fn compare(&self, length: usize, scale: f32) -> Differences {
        let features: Vec<f32> = draw(ROWS * length, 1).map(|unit| unit * scale).collect();
        let weights: Vec<f32> = draw(ROWS, 5).map(|unit| unit + 0.5).collect();
        let mut learner = self.learner(length);
        let kinds = [Metric::Accuracy, Metric::TopK(2), Metric::Auc, Metric::Precision, Metric::Recall];
        let mut epoch = EpochMetrics::new(&kinds);
        let mut worst = Differences::default();
        for step in 0..self.losses.len() {
            let rows: Vec<usize> = (0..BATCH).map(|i| (7 * (step * BATCH + i) + 3 * step) % ROWS).collect();
            let x: Vec<f32> = rows.iter().flat_map(|&i| features[i * length..][..length].to_vec()).collect();
            let of_batch: Vec<f32> = rows.iter().map(|&i| weights[i]).collect();
            let wanted = self.wanted(&rows);
            let targets = wanted.targets();
            let rate = learner.optimizer.learning_rate();
            worst.learning_rate = worst.learning_rate.max(difference(rate, self.learning_rates[step]));
            let weights = self.sample_weights.then_some(&*of_batch);
            let result = learner.train(&Samples { features: &x, targets, weights }).unwrap();
            learner.count(&mut epoch, targets);
            worst.loss = worst.loss.max(difference(result.loss, self.losses[step]));
            assert_eq!(result.correct, self.correct[step], "{}: accuracy of step {step}", self.name);
        }
        learner.finish();
        let wanted = self.wanted(&(0..ROWS).collect::<Vec<_>>());
        let end = learner.assess(&Samples { features: &features, targets: wanted.targets(), weights: None }).unwrap();
        worst.final_loss = difference(end.loss, self.final_loss);
        let logs = epoch.logs();
        for (name, &value) in &self.epoch {
            let differs = difference(logs[&**name], value);
            let of_kind = if name == "auc" { &mut worst.auc } else { &mut worst.metrics };
            *of_kind = of_kind.max(differs);
        }
        worst
    }
}

impl Wanted {
    fn targets(&self) -> Targets<'_> {
        match self {
            Self::Classes(classes) => Targets::Classes(classes),
            Self::Labels(labels) => Targets::Values(labels),
        }
    }
}

/// The golden of the repository, or one for longer features that was made by hand.
fn golden() -> Golden {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/steps.json");
    let path = std::env::var_os("XFER_STEPS_GOLDEN").map_or_else(own, PathBuf::from);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

// invariant 8: losses, accuracies and weights after each step are those of Keras.
#[test]
fn every_step_is_that_of_keras() {
    let golden = golden();
    assert!(golden.rows.len() >= 40);
    let mut failed = Vec::new();
    println!("largest relative difference             loss      rate    at end   metrics       auc");
    for row in &golden.rows {
        assert_eq!(row.losses.len(), 50);
        let Differences { loss, learning_rate, final_loss, auc, metrics } = row.compare(golden.features, golden.scale);
        let name = &row.name;
        println!("{name:<34} {loss:>9.1e} {learning_rate:>9.1e} {final_loss:>9.1e} {metrics:>9.1e} {auc:>9.1e}");
        let largest = loss.max(final_loss).max(metrics);
        // A probability that lies on one of the 200 thresholds but for rounding may count on either side of it.
        if largest > row.tolerance || learning_rate > 1e-6 || auc > 1e-4 {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "too far from Keras: {failed:?}");
}
