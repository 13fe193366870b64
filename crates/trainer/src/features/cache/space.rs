//! Everything but the photo that a feature vector depends on.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use xfer_loader::{Compat, DecodeScale, Flow, PixelType};

use super::content::hex;
use super::shard::Stored;
use crate::features::FeatureExtractor;

/// Raised whenever the same photo, read in the same way, comes to have other pixels or other features.
const NUMERICS: u32 = 1;

/// Feature vectors that are made in the same way. Each space has a folder of its own in the cache, which is called after
/// the digest of its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    description: BTreeMap<String, String>,
    features: usize,
    stored: Stored,
}

impl Space {
    /// The space of the features that `extractor` makes of what `flow` loads. Flips are no part of it: each way is a view
    /// of its own.
    pub fn of<E: FeatureExtractor + ?Sized>(extractor: &E, flow: &Flow, stored: Stored) -> Self {
        Self::from_identity(extractor.identity(), extractor.feature_len(), flow, stored)
    }

    /// The same of an extractor that says `identity` of itself and makes vectors of `features` numbers.
    pub fn from_identity(identity: Vec<(String, String)>, features: usize, flow: &Flow, stored: Stored) -> Self {
        let (options, generator) = (flow.options(), flow.generator());
        let scaled = match options.decode_scale {
            DecodeScale::Exact => false,
            DecodeScale::Scaled => true,
            DecodeScale::Auto => generator.compat_mode() != Compat::Keras3,
        };
        let decode = options.decode;
        let text = |value: &dyn std::fmt::Display| value.to_string();
        let mut description: BTreeMap<String, String> = identity.into_iter().collect();
        description.extend(
            [
                ("numerics", text(&NUMERICS)),
                ("version", env!("CARGO_PKG_VERSION").to_owned()),
                ("image_size", format!("{}x{}", options.target_size.0, options.target_size.1)),
                ("interpolation", text(&options.interpolation)),
                ("keep_aspect_ratio", text(&options.keep_aspect_ratio)),
                ("color_mode", text(&decode.color_mode)),
                ("exif", text(&decode.exif)),
                ("depth16", text(&decode.depth16)),
                ("alpha", text(&decode.alpha)),
                ("decode", if scaled { "scaled" } else { "exact" }.to_owned()),
                ("pixels", format!("{:?} {:?}", options.pixel_type, options.layout)),
                ("features", text(&features)),
                ("stored", text(&stored)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        if !generator.flips_only() || options.pixel_type == PixelType::F32 {
            // How it standardises, and what a warp does with a draw.
            description.insert("generator".to_owned(), format!("{generator:?}"));
        }
        Self { description, features, stored }
    }

    /// What it is of, by name.
    pub fn description(&self) -> &BTreeMap<String, String> {
        &self.description
    }

    /// Length of a vector.
    pub fn features(&self) -> usize {
        self.features
    }

    /// What vectors are stored as.
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// 16 hexadecimal digits that no other space has.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (name, value) in &self.description {
            for text in [name, value] {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        hex(&digest.finalize()[..8])
    }
}
