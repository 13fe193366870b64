//! What an epoch is judged by, as Keras' metrics compute it batch by batch.

mod auc;
mod epoch;
mod mean;
mod precision;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::TrainerError;
use crate::history::ACCURACY;

pub use auc::{Auc, RocAuc};
pub use epoch::EpochMetrics;
pub(crate) use epoch::Seen;
pub use mean::{Accuracy, Mean};
pub use precision::{Precision, Recall};

/// Something to be measured over an epoch, besides the loss. None of them looks at weights.
///
/// Where a head has several outputs, [`Auc`](Self::Auc), [`RocAuc`](Self::RocAuc), [`Precision`](Self::Precision)
/// and [`Recall`](Self::Recall) take each output of each sample as a sample of its own, as Keras does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Softmax: share of samples whose most probable class is theirs. Sigmoid: share of outputs on the right side
    /// of 0.5.
    Accuracy,
    /// Share of samples with fewer than this many classes more probable than theirs.
    TopK(usize),
    /// Area below the receiver operating characteristic from 200 thresholds: Keras' `AUC`.
    Auc,
    /// That area exactly, from the order of all probabilities.
    RocAuc,
    /// Of what was taken for positive (above 0.5), the share that is: Keras' `Precision`.
    Precision,
    /// Of what is positive, the share that was taken for it (above 0.5): Keras' `Recall`.
    Recall,
}

/// Whether more or less of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less.
    Min,
    /// More.
    Max,
}

impl Metric {
    /// Its name in the history.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Accuracy => ACCURACY.into(),
            Self::TopK(k) => format!("top_{k}_accuracy").into(),
            Self::Auc => "auc".into(),
            Self::RocAuc => "roc_auc".into(),
            Self::Precision => "precision".into(),
            Self::Recall => "recall".into(),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Direction {
    /// What is better of the metric of this name in the history, with or without `val_`.
    ///
    /// # Errors
    ///
    /// No such metric is known.
    pub fn of(metric: &str) -> Result<Self, TrainerError> {
        let name = metric.strip_prefix("val_").unwrap_or(metric);
        match name {
            "loss" => Ok(Self::Min),
            "accuracy" | "auc" | "roc_auc" | "precision" | "recall" => Ok(Self::Max),
            _ if name.starts_with("top_") && name.ends_with("_accuracy") => Ok(Self::Max),
            _ => Err(TrainerError::UnknownDirection { metric: metric.to_owned() }),
        }
    }
}
