//! What the targets of a batch are made of.

use std::fmt;
use std::str::FromStr;

use crate::error::LoaderError;

/// What stands beside the images of a batch, with Keras' names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClassMode {
    /// One column a class, 1 for the classes of a sample and 0 elsewhere: Keras' default.
    #[default]
    Categorical,
    /// 0 or 1: one of two classes.
    Binary,
    /// The number of the class.
    Sparse,
    /// The images themselves, for autoencoders.
    Input,
    /// Nothing: batches are images alone.
    None,
    /// The numbers in the columns of a table, as they are. Tables only.
    Raw,
    /// One target a column of a table. Tables only.
    MultiOutput,
}

impl ClassMode {
    const ALL: [Self; 7] =
        [Self::Categorical, Self::Binary, Self::Sparse, Self::Input, Self::None, Self::Raw, Self::MultiOutput];

    /// Whether samples have classes, and not only files.
    pub(crate) const fn has_classes(self) -> bool {
        matches!(self, Self::Categorical | Self::Binary | Self::Sparse)
    }

    pub(super) fn check_for_folders(self) -> Result<(), LoaderError> {
        crate::flow::check(
            !matches!(self, Self::Raw | Self::MultiOutput),
            "class_mode",
            "categorical, binary, sparse, input or None for folders (raw and multi_output need a table)",
            self,
        )
    }
}

impl fmt::Display for ClassMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Categorical => "categorical",
            Self::Binary => "binary",
            Self::Sparse => "sparse",
            Self::Input => "input",
            Self::None => "None",
            Self::Raw => "raw",
            Self::MultiOutput => "multi_output",
        })
    }
}

impl FromStr for ClassMode {
    type Err = LoaderError;

    /// Keras' names; `none` counts as `None`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = |mode: &Self| mode.to_string() == name || (name == "none" && *mode == Self::None);
        Self::ALL.into_iter().find(named).ok_or_else(|| LoaderError::InvalidOption {
            option: "class_mode",
            expected: "categorical, binary, sparse, input, None, raw or multi_output",
            got: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_keras() {
        for mode in ClassMode::ALL {
            assert_eq!(mode.to_string().parse::<ClassMode>().unwrap(), mode);
        }
        assert_eq!("none".parse::<ClassMode>().unwrap(), ClassMode::None);
        let message = "other".parse::<ClassMode>().unwrap_err().to_string();
        assert!(message.ends_with("None, raw or multi_output, got other"), "{message}");
    }

    #[test]
    fn folders_have_no_columns() {
        for mode in ClassMode::ALL {
            assert_eq!(mode.check_for_folders().is_ok(), !matches!(mode, ClassMode::Raw | ClassMode::MultiOutput));
        }
    }
}
