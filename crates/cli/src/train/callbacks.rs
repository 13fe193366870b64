//! Who follows the training.

use std::path::{Path, PathBuf};

use xfer_backbones::BatchNormStatistics;
use xfer_trainer::callbacks::{
    Callback, Checkpoint, CsvLogger, EarlyStopping, JsonLogger, ReduceLearningRate, Save, Saving, TensorBoard,
    TerminateOnNan,
};
use xfer_trainer::{Model, ModelDescription, TrainerError};

use super::TrainConfig;
use super::output::{CHECKPOINTS, HISTORY_FILE, LOG_FILE, TENSORBOARD};

/// What a kept model has besides its head.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub(super) description: ModelDescription,
    pub(super) batch_norm: Option<BatchNormStatistics>,
}

/// Everything that was asked for. The history comes first, so that it is there whatever becomes of the others.
pub(super) fn callbacks(
    config: &TrainConfig,
    folder: &Path,
    validated: bool,
    around: &Around,
) -> anyhow::Result<Vec<Box<dyn Callback>>> {
    let asked = &config.callbacks;
    let mut callbacks: Vec<Box<dyn Callback>> = vec![Box::new(CsvLogger::new(folder.join(HISTORY_FILE)))];
    if let Some(options) = asked.reduce_on_plateau(validated).map_err(anyhow::Error::msg)? {
        callbacks.push(Box::new(ReduceLearningRate::new(options)?));
    }
    if let Some(options) = asked.early_stopping(validated).map_err(anyhow::Error::msg)? {
        callbacks.push(Box::new(EarlyStopping::new(options)));
    }
    if asked.terminate_on_nan {
        callbacks.push(Box::new(TerminateOnNan::default()));
    }
    for when in asked.checkpoints(validated).map_err(anyhow::Error::msg)? {
        callbacks.push(Box::new(Checkpoint::new(when.clone(), keep(when, folder.join(CHECKPOINTS), around.clone()))?));
    }
    if asked.tensorboard {
        let every = asked.tensorboard_every.map(|steps| steps as u64);
        callbacks.push(Box::new(TensorBoard::new(folder.join(TENSORBOARD), every)?));
    }
    if asked.json_log {
        callbacks.push(Box::new(JsonLogger::new(folder.join(LOG_FILE), asked.json_log_steps)));
    }
    Ok(callbacks)
}

/// Saves a model that can be used as any other: `best`, `epoch-0003` or `step-000120`, each counted from 1.
fn keep(when: Save, folder: PathBuf, around: Around) -> impl FnMut(&Saving<'_>) -> Result<(), TrainerError> {
    move |saving| {
        let name = match when {
            Save::Best { .. } => "best".to_owned(),
            Save::Epochs(_) => format!("epoch-{:04}", saving.epoch + 1),
            Save::Steps(_) => format!("step-{:06}", saving.learner.optimizer.iterations()),
        };
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| TrainerError::Write { path: folder.clone(), source })?;
        let Around { description, batch_norm } = around.clone();
        Model { head: saving.learner.head.clone(), description, batch_norm }.save(&folder).map(|_| ())
    }
}
