//! An optimizer as a value that can be written down.

use serde::{Deserialize, Serialize};

use super::{Adam, AdamOptions, Optimizer, OptimizerOptions, Sgd};
use crate::error::TrainerError;

/// Everything that decides how an optimizer steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The update rule and its own numbers.
    pub rule: Rule,
    /// What all rules share.
    pub options: OptimizerOptions,
}

/// An update rule. `AdamW` is [`Adam`](Self::Adam) with a weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// [`Sgd`].
    Sgd {
        /// 0 to 1.
        #[serde(default)]
        momentum: f64,
        /// Whether the momentum is Nesterov's.
        #[serde(default)]
        nesterov: bool,
    },
    /// [`Adam`].
    Adam(AdamOptions),
}

impl OptimizerConfig {
    /// The optimizer, before its first step.
    ///
    /// # Errors
    ///
    /// An option is out of its range.
    pub fn build(&self) -> Result<Box<dyn Optimizer>, TrainerError> {
        let options = self.options.clone();
        Ok(match self.rule {
            Rule::Sgd { momentum, nesterov } => Box::new(Sgd::with_options(options, momentum, nesterov)?),
            Rule::Adam(adam) => Box::new(Adam::with_options(options, adam)?),
        })
    }
}
