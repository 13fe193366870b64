//! How a head steps, with Keras' names.

use clap::ValueEnum;
use xfer_trainer::{Adam, AdamOptions, Clip, Ema, OptimizerConfig, OptimizerOptions, Rule};

use super::schedule::ScheduleChoice;
use super::values;

/// Optimizer, learning rate and what belongs to them, as Keras computes them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Optimizer")]
pub(crate) struct OptimizerArgs {
    /// The update rule
    #[arg(long, value_enum, value_name = "NAME", default_value_t = OptimizerName::Sgd)]
    pub(crate) optimizer: OptimizerName,

    /// Learning rate [default: Keras': 0.01 with sgd, 0.001 with adam and adamw]
    #[arg(long, value_name = "RATE", value_parser = values::learning_rate)]
    pub(crate) learning_rate: Option<f64>,

    /// How the learning rate changes with the steps, with Keras' names and defaults: exponential, piecewise, polynomial,
    /// inverse-time, cosine or cosine-restarts, with its numbers, such as
    /// `cosine:warmup_steps=20,warmup_target=0.1,alpha=0.01` or `piecewise:boundaries=10;20,values=0.1;0.01;0.001`.
    /// `--learning-rate` is the rate at its beginning, and `decay_steps` all steps of the training where it is left out
    #[arg(long, value_name = "NAME[:KEY=VALUE,...]")]
    pub(crate) schedule: Option<ScheduleChoice>,

    /// sgd: share of the last update that the next one begins with, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = values::number_in_unit_interval)]
    momentum: f64,

    /// sgd: Nesterov's momentum
    #[arg(long, requires = "momentum")]
    nesterov: bool,

    /// adam, adamw: decay of the mean of the gradients
    #[arg(long = "beta-1", value_name = "SHARE", default_value_t = 0.9, value_parser = values::number_in_unit_interval)]
    beta_1: f64,

    /// adam, adamw: decay of the mean of the squared gradients
    #[arg(long = "beta-2", value_name = "SHARE", default_value_t = 0.999, value_parser = values::number_in_unit_interval)]
    beta_2: f64,

    /// adam, adamw: added to the divisor
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-7, value_parser = values::epsilon)]
    epsilon: f64,

    /// adam, adamw: divide by the largest mean of squares so far
    #[arg(long)]
    amsgrad: bool,

    /// What every parameter loses of itself in a step, times the learning rate [default: 0.004 with adamw, else none]
    #[arg(long, value_name = "SHARE", value_parser = values::not_negative)]
    pub(crate) weight_decay: Option<f64>,

    /// Cut the gradient of each tensor to this norm
    #[arg(long, value_name = "NORM", value_parser = values::positive, group = "clip")]
    clip_norm: Option<f64>,

    /// Cut the gradient of all tensors together to this norm
    #[arg(long, value_name = "NORM", value_parser = values::positive, group = "clip")]
    global_clip_norm: Option<f64>,

    /// Cut every element of the gradient to this magnitude
    #[arg(long, value_name = "VALUE", value_parser = values::positive, group = "clip")]
    clip_value: Option<f64>,

    /// Keep a running average of the parameters, which becomes the model at the end; its momentum
    #[arg(
        long, value_name = "MOMENTUM", num_args = 0..=1, default_missing_value = "0.99",
        value_parser = values::number_in_unit_interval
    )]
    ema: Option<f64>,

    /// Put the average in the parameters' place after every so many steps
    #[arg(long, value_name = "STEPS", value_parser = values::count, requires = "ema")]
    ema_every: Option<usize>,
}

/// The optimizers of Keras that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerName {
    /// Stochastic gradient descent, with momentum where that is given
    Sgd,
    /// Adam
    Adam,
    /// Adam with decoupled weight decay
    Adamw,
}

impl OptimizerName {
    /// Keras' default.
    pub(crate) fn learning_rate(self) -> f64 {
        match self {
            Self::Sgd => 0.01,
            // 0.001 as it is written, not as the f32 next to it.
            Self::Adam | Self::Adamw => 0.001,
        }
    }
}

impl OptimizerArgs {
    /// What does not fit together, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let adam = self.optimizer != OptimizerName::Sgd;
        let odd = [
            (adam && self.momentum != 0.0, "--momentum"),
            (adam && self.nesterov, "--nesterov"),
            (!adam && self.amsgrad, "--amsgrad"),
        ];
        if let Some((_, flag)) = odd.into_iter().find(|(odd, _)| *odd) {
            let name = self.optimizer.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            return Err(format!("{flag}: {name} has none"));
        }
        // 1 stands for the steps of a training that is not known yet.
        self.config(1).and_then(|config| config.build().map_err(|error| error.to_string())).map(|_| ())
    }

    /// The optimizer of a training of `steps` steps.
    ///
    /// # Errors
    ///
    /// The schedule has a number that it cannot have.
    pub(crate) fn config(&self, steps: u64) -> Result<OptimizerConfig, String> {
        let initial = self.learning_rate.unwrap_or_else(|| self.optimizer.learning_rate());
        let learning_rate = match &self.schedule {
            Some(schedule) => schedule.schedule(initial, steps)?,
            None => xfer_trainer::Schedule::Constant { learning_rate: initial },
        };
        let adamw = (self.optimizer == OptimizerName::Adamw).then_some(Adam::DEFAULT_WEIGHT_DECAY);
        let clip = (self.clip_norm.map(Clip::Norm))
            .or(self.global_clip_norm.map(Clip::GlobalNorm))
            .or(self.clip_value.map(Clip::Value));
        let overwrite_every = self.ema_every.map(|steps| steps as u64);
        let options = OptimizerOptions {
            learning_rate,
            weight_decay: self.weight_decay.or(adamw),
            clip,
            ema: self.ema.map(|momentum| Ema { momentum, overwrite_every }),
        };
        let rule = match self.optimizer {
            OptimizerName::Sgd => Rule::Sgd { momentum: self.momentum, nesterov: self.nesterov },
            OptimizerName::Adam | OptimizerName::Adamw => {
                let Self { beta_1, beta_2, epsilon, amsgrad, .. } = *self;
                Rule::Adam(AdamOptions { beta_1, beta_2, epsilon, amsgrad })
            }
        };
        Ok(OptimizerConfig { rule, options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};
    use xfer_trainer::Schedule;

    fn optimizer(words: &str) -> Result<OptimizerConfig, String> {
        let verb = parse(&format!("train {words}")).map_err(|error| error.to_string())?;
        let Verb::Train(args) = verb else { panic!("{verb:?}") };
        args.optimizer.check()?;
        args.optimizer.config(60)
    }

    #[test]
    fn defaults_are_keras() {
        let sgd = OptimizerConfig {
            rule: Rule::Sgd { momentum: 0.0, nesterov: false },
            options: OptimizerOptions::new(Schedule::Constant { learning_rate: 0.01 }),
        };
        assert_eq!(optimizer("").unwrap(), sgd);
        let options = OptimizerOptions::new(Schedule::Constant { learning_rate: 0.001 });
        let adam = OptimizerConfig { rule: Rule::Adam(AdamOptions::default()), options: options.clone() };
        assert_eq!(optimizer("--optimizer adam").unwrap(), adam);
        let options = OptimizerOptions { weight_decay: Some(0.004), ..options };
        assert_eq!(optimizer("--optimizer adamw").unwrap(), OptimizerConfig { options, ..adam });
    }

    #[test]
    fn every_option_is_heard() {
        let config = optimizer(
            "--momentum 0.9 --nesterov --learning-rate 0.1 --weight-decay 0.5 --global-clip-norm 2 --ema --ema-every 7",
        )
        .unwrap();
        assert_eq!(config.rule, Rule::Sgd { momentum: 0.9, nesterov: true });
        assert_eq!(config.options.learning_rate, Schedule::Constant { learning_rate: 0.1 });
        assert_eq!((config.options.weight_decay, config.options.clip), (Some(0.5), Some(Clip::GlobalNorm(2.0))));
        assert_eq!(config.options.ema, Some(Ema { momentum: 0.99, overwrite_every: Some(7) }));
        let words = "--optimizer adam --beta-1 0.8 --beta-2 0.9 --epsilon 1e-3 --amsgrad --clip-value 1 --ema 0.5";
        let config = optimizer(words).unwrap();
        assert_eq!(config.rule, Rule::Adam(AdamOptions { beta_1: 0.8, beta_2: 0.9, epsilon: 1e-3, amsgrad: true }));
        assert_eq!(config.options.clip, Some(Clip::Value(1.0)));
        assert_eq!(config.options.ema, Some(Ema { momentum: 0.5, overwrite_every: None }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (words, message) in [
            ("--optimizer adam --momentum 0.9", "--momentum: adam has none"),
            ("--amsgrad", "--amsgrad: sgd has none"),
            ("--nesterov", "--momentum"),
            ("--clip-norm 1 --clip-value 1", "cannot be used with"),
            ("--momentum 2", "0 to 1"),
            ("--ema-every 3", "--ema"),
            ("--learning-rate nan", "above 0"),
        ] {
            let error = optimizer(words).unwrap_err();
            assert!(error.contains(message), "{words}: {error}");
        }
    }
}
