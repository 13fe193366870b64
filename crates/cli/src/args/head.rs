//! What is trained, and what it is judged by.

use std::str::FromStr;

use clap::ValueEnum;
use xfer_trainer::{Activation, Dropout, Head, HeadOptions, Loss, Metric, balanced_class_weights};

use super::values;

/// The head, its loss and its metrics.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Head and loss")]
pub(crate) struct HeadArgs {
    /// What makes probabilities: softmax, one class a photo; or sigmoid: one output that tells two classes apart, or, with
    /// --table and several classes a photo, one for each class
    #[arg(long, value_enum, value_name = "ACTIVATION", default_value_t = HeadName::Softmax)]
    pub(crate) head: HeadName,

    /// A hidden layer of so many units (relu) before the last one
    #[arg(long, value_name = "UNITS", value_parser = values::batch_size)]
    hidden: Option<usize>,

    /// Share of the last layer's inputs that is dropped in training
    #[arg(long, value_name = "SHARE", value_parser = values::below_one)]
    dropout: Option<f64>,

    /// Train towards targets that are so much less certain, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = values::number_in_unit_interval)]
    label_smoothing: f64,

    /// What a photo of each class counts for in training: `balanced`, so that all classes count alike, or numbers such as
    /// `rural=1,urban=2.5`; classes that are not named count 1
    #[arg(long, value_name = "balanced|CLASS=W,...")]
    class_weights: Option<ClassWeights>,

    /// What epochs are judged by besides the loss: accuracy, top_K_accuracy, auc, roc_auc, precision, recall
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "accuracy", value_parser = metric)]
    pub(crate) metrics: Vec<Metric>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeadName {
    Softmax,
    Sigmoid,
}

/// What samples of a class count for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClassWeights {
    Balanced,
    Named(Vec<(String, f32)>),
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "balanced" {
            return Ok(Self::Balanced);
        }
        let named = |pair: &str| {
            // A class may have `=` in its name.
            let (name, weight) = pair.rsplit_once('=')?;
            let weight = weight.parse().ok().filter(|weight: &f32| weight.is_finite() && *weight >= 0.0)?;
            Some((name.to_owned(), weight))
        };
        let named = text.split(',').map(named).collect::<Option<_>>();
        named.map(Self::Named).ok_or_else(|| "expected balanced, or weights such as rural=1,urban=2.5".to_owned())
    }
}

impl ClassWeights {
    fn weights(&self, classes: &[String], counts: &[usize]) -> Result<Vec<f32>, String> {
        let named = match self {
            Self::Balanced => return Ok(balanced_class_weights(counts)),
            Self::Named(named) => named,
        };
        let mut weights = vec![1.0; classes.len()];
        for (name, weight) in named {
            let class = classes.iter().position(|class| class == name);
            let class =
                class.ok_or_else(|| format!("--class-weights: no class {name}; there are {}", classes.join(", ")))?;
            weights[class] = *weight;
        }
        Ok(weights)
    }
}

impl HeadArgs {
    /// What can be told without the photos.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut names: Vec<_> = self.metrics.iter().map(|metric| metric.name()).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("--metrics: {} is there twice", pair[0])),
            None => Ok(()),
        }
    }

    fn activation(&self) -> Activation {
        match self.head {
            HeadName::Softmax => Activation::Softmax,
            HeadName::Sigmoid => Activation::Sigmoid,
        }
    }

    /// A fresh head for these classes; `single` where each photo has one of them.
    pub(crate) fn head(&self, features: usize, classes: &[String], single: bool, seed: u64) -> anyhow::Result<Head> {
        let activation = self.activation();
        let outputs = match (activation, single) {
            (Activation::Sigmoid, true) if classes.len() == 2 => 1,
            (Activation::Sigmoid, true) => anyhow::bail!(
                "--head sigmoid: there are {} classes, of which each photo has one; softmax tells them apart",
                classes.len()
            ),
            (Activation::Softmax, false) => {
                anyhow::bail!("photos have several classes each; use --head sigmoid, which has an output for each")
            }
            _ => classes.len(),
        };
        Ok(Head::new(&HeadOptions { features, outputs, hidden: self.hidden, activation, seed })?)
    }

    /// What drops inputs of the last layer.
    pub(crate) fn dropout(&self, seed: u64) -> anyhow::Result<Option<Dropout>> {
        Ok(self.dropout.map(|rate| Dropout::new(rate, seed)).transpose()?)
    }

    /// The loss for training photos of which there are `counts` of each class.
    pub(crate) fn loss(&self, classes: &[String], counts: &[usize]) -> anyhow::Result<Loss> {
        let loss = Loss::default().with_label_smoothing(self.label_smoothing)?;
        let Some(weights) = &self.class_weights else { return Ok(loss) };
        Ok(loss.with_class_weights(weights.weights(classes, counts).map_err(anyhow::Error::msg)?)?)
    }

    /// All that decides what is learnt, for the record.
    pub(crate) fn settings(&self) -> serde_json::Value {
        serde_json::json!({
            "activation": self.activation(),
            "hidden": self.hidden,
            "dropout": self.dropout,
            "label_smoothing": self.label_smoothing,
            "class_weights": self.class_weights.as_ref().map(|weights| format!("{weights:?}")),
            "metrics": self.metrics,
        })
    }
}

fn metric(name: &str) -> Result<Metric, String> {
    let k = name.strip_prefix("top_").and_then(|rest| rest.strip_suffix("_accuracy").or(Some(rest)));
    if let Some(k) = k.and_then(|k| k.parse().ok()).filter(|&k: &usize| k > 0) {
        return Ok(Metric::TopK(k));
    }
    let known = [Metric::Accuracy, Metric::Auc, Metric::RocAuc, Metric::Precision, Metric::Recall];
    let found = known.into_iter().find(|metric| metric.name() == name);
    found.ok_or_else(|| "expected accuracy, top_K_accuracy, auc, roc_auc, precision or recall".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_are_balanced_or_named() {
        let classes = ["a=b", "c"].map(str::to_owned);
        let weights = |text: &str| text.parse::<ClassWeights>()?.weights(&classes, &[1, 3]);
        assert_eq!(weights("balanced").unwrap(), [2.0, 2.0 / 3.0]);
        assert_eq!(weights("a=b=2.5").unwrap(), [2.5, 1.0]);
        assert!(weights("d=1").unwrap_err().contains("no class d; there are a=b, c"));
        for bad in ["", "a", "a=-1", "a=nan"] {
            assert!(weights(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metrics_have_the_names_of_the_history() {
        for metric in
            [Metric::Accuracy, Metric::TopK(5), Metric::Auc, Metric::RocAuc, Metric::Precision, Metric::Recall]
        {
            assert_eq!(super::metric(&metric.name()), Ok(metric));
        }
        assert_eq!(metric("top_3"), Ok(Metric::TopK(3)));
        assert!(metric("f1").is_err() && metric("top_0").is_err());
    }
}
