//! Every number of a training against Keras' own `fit` on the same features; `keras/make_golden.py` made the goldens.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says how close it came")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;
use xfer_trainer::callbacks::{Callback, StepEnd, Wish};
use xfer_trainer::features::{FeatureBatch, FeatureSource, FeatureTargets};
use xfer_trainer::{Fit, FitOptions, Head, Learner, Sgd, TrainerError};

#[derive(Deserialize)]
struct Golden {
    plan: Plan,
    steps: Vec<Step>,
    history: std::collections::BTreeMap<String, Vec<f32>>,
}

#[derive(Deserialize)]
struct Plan {
    features: usize,
    classes: usize,
    rows: usize,
    batch: usize,
    validation_rows: usize,
    validation_batch: usize,
    epochs: u64,
    learning_rate: f32,
}

#[derive(Deserialize, Debug)]
struct Step {
    accuracy: f32,
    loss: f32,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keras").join(name)
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

/// The same rows again and again, in order.
struct Rows {
    features: Vec<f32>,
    length: usize,
    labels: Vec<u32>,
    batch: usize,
    next: usize,
}

impl Rows {
    fn new(rows: usize, batch: usize, salt: u64, plan: &Plan) -> Self {
        let labels = (0..rows).map(|i| ((7 * i + i / 3) % plan.classes) as u32).collect();
        Self { features: draw(rows * plan.features, salt).collect(), length: plan.features, labels, batch, next: 0 }
    }

    fn steps(&self) -> u64 {
        self.labels.len().div_ceil(self.batch) as u64
    }
}

impl FeatureSource for Rows {
    fn next_batch(&mut self) -> Option<Result<FeatureBatch, TrainerError>> {
        let rows = self.next..self.labels.len().min(self.next + self.batch);
        self.next = if rows.end == self.labels.len() { 0 } else { rows.end };
        let features = self.features[rows.start * self.length..rows.end * self.length].to_vec();
        let (sample_indices, targets) = (rows.clone().collect(), FeatureTargets::Classes(self.labels[rows].to_vec()));
        Some(Ok(FeatureBatch {
            features,
            targets,
            weights: None,
            sample_indices,
            pass: 0,
            index: 0,
            waited: Duration::ZERO,
        }))
    }
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Callback for Steps {
    fn on_step_end(&mut self, step: &StepEnd<'_>) -> Wish {
        self.0.push(Step { accuracy: step.logs["accuracy"], loss: step.logs["loss"] });
        Ok(ControlFlow::Continue(()))
    }
}

/// Largest |a - b| / |b|.
fn difference(ours: impl IntoIterator<Item = f32>, theirs: impl IntoIterator<Item = f32>) -> f64 {
    let pairs = ours.into_iter().zip(theirs);
    pairs.map(|(a, b)| (f64::from(a) - f64::from(b)).abs() / f64::from(b).abs().max(1e-30)).fold(0.0, f64::max)
}

/// |a - b| / |b| of two vectors, in the Euclidean norm.
fn norm_difference(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let square = |v: f64| v * v;
    let distance: f64 = ours.iter().zip(theirs).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    (distance / theirs.iter().map(|&b| square(f64::from(b))).sum::<f64>()).sqrt()
}

fn compare(name: &str) {
    let golden: Golden = serde_json::from_slice(&std::fs::read(file(&format!("{name}.json"))).unwrap()).unwrap();
    let plan = &golden.plan;
    let kernel: Vec<f32> = draw(plan.features * plan.classes, 9).map(|u| (u - 0.5) * 0.125).collect();
    let head = Head::from_parameters(plan.features, plan.classes, &kernel, vec![0.0; plan.classes]).unwrap();
    let mut learner = Learner::new(head, Box::new(Sgd::new(plan.learning_rate)));
    let mut training = Rows::new(plan.rows, plan.batch, 1, plan);
    let mut validation = Rows::new(plan.validation_rows, plan.validation_batch, 2, plan);
    let mut steps = Steps::default();
    let options = FitOptions {
        epochs: plan.epochs,
        steps_per_epoch: training.steps(),
        validation_steps: Some(validation.steps()),
    };
    let fitted = Fit {
        learner: &mut learner,
        training: &mut training,
        validation: Some(&mut validation),
        options,
        callbacks: vec![&mut steps],
        stop: &AtomicBool::new(false),
        from: None,
        recovery: None,
    }
    .run()
    .unwrap();

    assert_eq!(steps.0.len(), golden.steps.len());
    let loss = difference(steps.0.iter().map(|s| s.loss), golden.steps.iter().map(|s| s.loss));
    let accuracy = difference(steps.0.iter().map(|s| s.accuracy), golden.steps.iter().map(|s| s.accuracy));
    assert!(loss <= 1e-6, "{name}: running loss of a step differs by {loss:e}");
    assert_eq!(accuracy, 0.0, "{name}: running accuracy of a step");

    for (key, values) in fitted.history.columns() {
        let values: Vec<f32> = values.iter().map(|value| value.unwrap()).collect();
        let theirs = &golden.history[key];
        assert_eq!(values.len(), theirs.len());
        let differs = difference(values, theirs.iter().copied());
        println!("{name}: {key} differs by {differs:e}");
        assert!(differs <= 1e-6, "{name}: {key} differs by {differs:e}");
    }
    assert_eq!(fitted.history.columns().count(), golden.history.len());

    let bytes = std::fs::read(file(&format!("{name}.safetensors"))).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let theirs = |name: &str| -> Vec<f32> {
        tensors.tensor(name).unwrap().data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    };
    let kernel = norm_difference(&learner.head.kernel(), &theirs("kernel"));
    // The bias is a sum of gradients that nearly cancel: it is measured against the way that it went, of which each
    // step is the learning rate at most.
    let way = plan.learning_rate * steps.0.len() as f32;
    let distances = learner.head.bias().iter().zip(theirs("bias")).map(|(a, b)| (a - b).abs() / way);
    let bias = distances.fold(0.0, f32::max);
    println!("{name}: steps' loss differs by {loss:e}, kernel by {kernel:e}, bias by {bias:e}");
    assert!(kernel <= 1e-6 && bias <= 1e-6, "{name}: kernel differs by {kernel:e}, bias by {bias:e}");

    // The file's form is Keras' to the byte; its values may differ in the last digits.
    let csv = String::from_utf8(fitted.history.to_csv()).unwrap();
    let theirs = std::fs::read_to_string(file(&format!("{name}.csv"))).unwrap();
    assert_eq!(csv.matches("\r\n").count(), theirs.matches("\r\n").count());
    for (ours, theirs) in csv.split("\r\n").zip(theirs.split("\r\n")) {
        for (ours, theirs) in ours.split(',').zip(theirs.split(',')) {
            match (ours.parse::<f32>(), theirs.parse::<f32>()) {
                (Ok(a), Ok(b)) => assert!(difference([a], [b]) <= 1e-6, "{a} {b}"),
                _ => assert_eq!(ours, theirs),
            }
        }
    }
}

// invariant 8: losses, accuracies and weights after each step are those of Keras.
#[test]
fn two_classes_of_2048_features_as_in_the_notebook() {
    compare("notebook");
}

#[test]
fn five_classes_with_a_partial_last_batch() {
    compare("partial");
}
