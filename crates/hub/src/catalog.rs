//! The published weight files: where they are and what they must be.
//!
//! Addresses and md5 sums are those in the Keras sources; the models are the ones without their classification layer.

use crate::HubError;

/// One published file of pretrained weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightFile {
    /// What a user calls it, such as `resnet50`.
    pub name: &'static str,
    /// One line about it, for lists.
    pub description: &'static str,
    /// File name in this project's cache and on a mirror; unlike [`keras_name`](Self::keras_name) it is unique.
    pub file_name: &'static str,
    /// File name in Keras' own folder. Two generations of ResNet50 share one; the checksum tells them apart.
    pub keras_name: &'static str,
    /// Where it is published, in the order in which the addresses are tried.
    pub urls: &'static [&'static str],
    /// Checksum as 32 hexadecimal digits.
    pub md5: &'static str,
    /// Size in bytes.
    pub bytes: u64,
}

const RESNET50: &str = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5";
const XCEPTION: &str = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5";

static FILES: [WeightFile; 3] = [
    WeightFile {
        name: "resnet50",
        description: "ResNet50 without top, ImageNet, the layout of current Keras",
        file_name: RESNET50,
        keras_name: RESNET50,
        urls: &[
            "https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "https://github.com/keras-team/keras-applications/releases/download/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ],
        md5: "4d473c1dd8becc155b73f8504c6f6626",
        bytes: 94_765_736,
    },
    WeightFile {
        name: "xception",
        description: "Xception without top, ImageNet",
        file_name: XCEPTION,
        keras_name: XCEPTION,
        urls: &[
            "https://storage.googleapis.com/tensorflow/keras-applications/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "https://github.com/fchollet/deep-learning-models/releases/download/v0.4/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ],
        md5: "b0042744bf5b25fce3cb969f33bebb97",
        bytes: 83_683_744,
    },
    WeightFile {
        name: "resnet50-v0.2",
        description: "ResNet50 without top, ImageNet, the layout of early Keras (v0.2)",
        file_name: "resnet50-v0.2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        keras_name: RESNET50,
        urls: &[
            "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        ],
        md5: "a268eb855778b3df3c7506639542a6af",
        bytes: 94_653_016,
    },
];

impl WeightFile {
    /// Every published file that this crate knows.
    #[must_use]
    pub fn all() -> &'static [WeightFile] {
        &FILES
    }

    /// The file that a user calls `name`.
    ///
    /// # Errors
    ///
    /// [`HubError::UnknownName`], which lists the known names.
    pub fn by_name(name: &str) -> Result<&'static WeightFile, HubError> {
        FILES.iter().find(|file| file.name == name).ok_or_else(|| HubError::UnknownName {
            name: name.to_owned(),
            known: FILES.iter().map(|file| file.name).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Checksum;

    #[test]
    fn entries_are_well_formed() {
        for file in WeightFile::all() {
            assert!(file.md5.parse::<Checksum>().is_ok(), "{}: {}", file.name, file.md5);
            assert!(!file.urls.is_empty());
            for url in file.urls {
                assert!(url.starts_with("https://"), "{url}");
                assert!(url.ends_with(file.keras_name), "{url} is not {}", file.keras_name);
            }
        }
    }

    #[test]
    fn cache_names_and_names_are_unique() {
        let names: HashSet<_> = WeightFile::all().iter().map(|file| file.name).collect();
        let files: HashSet<_> = WeightFile::all().iter().map(|file| file.file_name).collect();
        assert_eq!(names.len(), WeightFile::all().len());
        assert_eq!(files.len(), WeightFile::all().len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = WeightFile::by_name("resnet51").expect_err("not published").to_string();
        assert!(message.contains("resnet51"), "{message}");
        assert!(message.contains("resnet50, xception, resnet50-v0.2"), "{message}");
    }
}
