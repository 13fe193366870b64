//! What a batch says about its samples, in the shapes of Keras' `y`.

use crate::batch::Pixels;
use crate::source::{ClassMode, Index, Targets};

/// What Keras' iterator yields beside the pixels of a batch of `n` samples.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BatchTargets<'a> {
    /// Nothing: [`ClassMode::None`].
    None,
    /// The pixels themselves: [`ClassMode::Input`].
    Input(Pixels<'a>),
    /// Numbers: `[n, classes]`, 1 where a sample is of a class and 0 elsewhere, under [`ClassMode::Categorical`]; `[n]`
    /// labels under [`ClassMode::Binary`] and [`ClassMode::Sparse`]; `[n]` or `[n, columns]` under [`ClassMode::Raw`].
    Values(TargetValues),
    /// Several of them, one a column: [`ClassMode::MultiOutput`].
    Outputs(Vec<TargetValues>),
}

/// Numbers about the samples of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetValues {
    /// Row-major.
    pub values: Vec<f32>,
    /// Their shape; the first axis is that of the samples.
    pub shape: Vec<usize>,
}

impl<'a> BatchTargets<'a> {
    pub(crate) fn of(index: &Index, samples: &[usize], pixels: Pixels<'a>) -> Self {
        match index.class_mode() {
            ClassMode::None => Self::None,
            ClassMode::Input => Self::Input(pixels),
            ClassMode::Categorical => Self::Values(one_hot(index, samples)),
            ClassMode::MultiOutput => match index.targets() {
                Targets::MultiOutput(outputs) => {
                    Self::Outputs(outputs.iter().map(|output| values(&output.targets, samples)).collect())
                }
                _ => Self::None,
            },
            _ => Self::Values(values(index.targets(), samples)),
        }
    }
}

fn one_hot(index: &Index, samples: &[usize]) -> TargetValues {
    let classes = index.classes().len();
    let mut values = vec![0.0; samples.len() * classes];
    if classes > 0 {
        for (row, &sample) in values.chunks_exact_mut(classes).zip(samples) {
            for &class in index.targets().classes_of(sample) {
                row[class as usize] = 1.0;
            }
        }
    }
    TargetValues { values, shape: vec![samples.len(), classes] }
}

fn values(targets: &Targets, samples: &[usize]) -> TargetValues {
    match targets {
        Targets::Values(table) => {
            let values = samples.iter().flat_map(|&sample| table.get(sample)).copied().collect();
            let shape = if table.width == 1 { vec![samples.len()] } else { vec![samples.len(), table.width] };
            TargetValues { values, shape }
        }
        other => {
            let values: Vec<f32> =
                samples.iter().flat_map(|&sample| other.classes_of(sample)).map(|&class| class as f32).collect();
            TargetValues { shape: vec![values.len()], values }
        }
    }
}
