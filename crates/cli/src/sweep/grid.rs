//! The combinations of settings that are tried.

use xfer_trainer::{Adam, AdamOptions, OptimizerConfig, OptimizerOptions, Rule, Schedule};

use crate::args::optimizer::OptimizerName;
use crate::args::values;

/// Settings, each a list; every combination is tried.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Settings to combine, each a list such as 0.1,0.01")]
pub(super) struct GridArgs {
    /// Update rules: sgd, adam or adamw
    #[arg(long, value_enum, value_name = "NAME,...", value_delimiter = ',', default_value = "sgd")]
    optimizer: Vec<OptimizerName>,

    /// Learning rates
    #[arg(
        long, value_name = "RATE,...", value_delimiter = ',', default_value = "0.1,0.01,0.001",
        value_parser = values::learning_rate
    )]
    learning_rate: Vec<f64>,

    /// What every parameter loses of itself in a step, times the learning rate [default: 0.004 with adamw, else 0]
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', value_parser = values::not_negative)]
    weight_decay: Vec<f64>,

    /// sgd: shares of the last update that the next one begins with, 0 to 1
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', default_value = "0", value_parser = values::number_in_unit_interval)]
    momentum: Vec<f64>,
}

/// One combination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// As the command line has it.
    pub(super) name: &'static str,
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    pub(super) momentum: f64,
    pub(super) optimizer: OptimizerConfig,
}

impl GridArgs {
    /// Every combination once, in the order of the lists.
    pub(super) fn candidates(&self) -> Result<Vec<Candidate>, String> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for &optimizer in &self.optimizer {
            let decays = match self.weight_decay[..] {
                [] if optimizer == OptimizerName::Adamw => &[Adam::DEFAULT_WEIGHT_DECAY],
                [] => &[0.0][..],
                ref given => given,
            };
            // Momentum is no setting of the others: they are tried once.
            let momenta = if optimizer == OptimizerName::Sgd { &self.momentum[..] } else { &[0.0] };
            for &learning_rate in &self.learning_rate {
                for &weight_decay in decays {
                    for &momentum in momenta {
                        let candidate = Candidate::new(optimizer, learning_rate, weight_decay, momentum);
                        candidate.optimizer.build().map_err(|error| error.to_string())?;
                        if !candidates.contains(&candidate) {
                            candidates.push(candidate);
                        }
                    }
                }
            }
        }
        Ok(candidates)
    }
}

impl Candidate {
    fn new(optimizer: OptimizerName, learning_rate: f64, weight_decay: f64, momentum: f64) -> Self {
        let mut options = OptimizerOptions::new(Schedule::Constant { learning_rate });
        options.weight_decay = (weight_decay > 0.0).then_some(weight_decay);
        let (name, rule) = match optimizer {
            OptimizerName::Sgd => ("sgd", Rule::Sgd { momentum, nesterov: false }),
            OptimizerName::Adam => ("adam", Rule::Adam(AdamOptions::default())),
            OptimizerName::Adamw => ("adamw", Rule::Adam(AdamOptions::default())),
        };
        Self { name, learning_rate, weight_decay, momentum, optimizer: OptimizerConfig { rule, options } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_belongs_to_sgd_and_decay_to_adamw_by_default() {
        let grid = GridArgs {
            optimizer: vec![OptimizerName::Sgd, OptimizerName::Adam, OptimizerName::Adamw],
            learning_rate: vec![0.1, 0.1],
            weight_decay: Vec::new(),
            momentum: vec![0.0, 0.9],
        };
        let all: Vec<_> = grid.candidates().unwrap().iter().map(|c| (c.name, c.momentum, c.weight_decay)).collect();
        assert_eq!(all, [("sgd", 0.0, 0.0), ("sgd", 0.9, 0.0), ("adam", 0.0, 0.0), ("adamw", 0.0, 0.004)]);
    }
}
