//! Weights of a backbone: named tensors, whatever file they came from.
//!
//! [`Weights::load`] reads Keras HDF5 files in the published layouts and safetensors; [`Weights::random`] draws them.
//! Inside, every tensor has its name of the modern Keras layout (`conv1_conv/kernel`), Keras' order of axes and type
//! f32.

mod container;
mod converted;
mod hdf5;
mod names;
mod random;
mod resolve;
mod safetensors;
mod statistics;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::architecture::Architecture;
use crate::error::BackboneError;
use crate::layers::TensorSpec;
use values::Values;

pub use converted::{AboutCopy, is_sound_copy};
pub use statistics::{BatchNormStatistics, Moments};

/// Where the names of a set of weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// HDF5 as current Keras names it (`conv1_conv/kernel:0`).
    Modern,
    /// HDF5 as Keras 1 named it: ResNet50 v0.2 (`conv1_W_1:0`), Xception v0.4 (`convolution2d_1_W:0`).
    Legacy,
    /// safetensors with the modern names.
    Safetensors,
    /// Drawn, not read.
    Random,
}

impl Layout {
    /// The batch-norm epsilon of the models that such files were made for.
    ///
    /// ResNet50: 1.001e-5 in `keras.applications.resnet`, 1e-3 (the layer's default) in the code that used the v0.2
    /// file. Xception: 1e-3 always.
    pub fn epsilon(self, architecture: Architecture) -> f64 {
        match (architecture, self) {
            (Architecture::ResNet50, Self::Legacy) | (Architecture::Xception, _) => 1e-3,
            (Architecture::ResNet50, _) => 1.001e-5,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Modern => "keras",
            Self::Legacy => "keras (old names)",
            Self::Safetensors => "safetensors",
            Self::Random => "random",
        })
    }
}

/// One tensor, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorView<'a> {
    /// Canonical name, `layer/variable`.
    pub name: &'a str,
    /// Shape in Keras' order of axes.
    pub shape: &'a [usize],
    /// Values, row-major.
    pub values: &'a [f32],
}

/// All weights of one architecture. A clone shares the values.
#[derive(Clone)]
pub struct Weights {
    architecture: Architecture,
    layout: Layout,
    epsilon: f64,
    digest: String,
    untrained: bool,
    source: Option<PathBuf>,
    specs: Arc<[TensorSpec]>,
    /// Beside `specs`.
    values: Vec<Values>,
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights")
            .field("architecture", &self.architecture)
            .field("layout", &self.layout)
            .field("epsilon", &self.epsilon)
            .field("digest", &self.digest)
            .field("untrained", &self.untrained)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Weights {
    /// Reads `path`: Keras HDF5 in either published layout (the layout is detected; a full model with a
    /// `model_weights` group will do) or safetensors.
    ///
    /// A classification top (`probs`, `predictions`, `fc1000`, `dense...`) is passed over. The file is read into
    /// memory as a whole and never written.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or of another kind, holds the other architecture, or when a tensor is
    /// missing, unknown, of another shape or type, or holds a value that is not finite. The error names the tensor.
    pub fn load(architecture: Architecture, path: &Path) -> Result<Self, BackboneError> {
        let file = container::read_file(path)?;
        let (container, digest) = container::open(file, path)?;
        let resolved = resolve::resolve(architecture, container.as_ref(), path)?;
        let about = container.about();
        let layout = about.layout.unwrap_or(resolved.layout);
        Ok(Self {
            architecture,
            layout,
            epsilon: about.epsilon.unwrap_or_else(|| resolved.layout.epsilon(architecture)),
            digest,
            untrained: about.untrained,
            source: Some(path.to_owned()),
            specs: architecture.graph().tensors().into(),
            values: resolved.values,
        })
    }

    /// Draws untrained weights. The same seed gives the same weights on every machine.
    ///
    /// Features of such a backbone are usable once [`Backbone::calibrate`](crate::Backbone::calibrate) has set the
    /// batch-norm statistics.
    pub fn random(architecture: Architecture, seed: u64) -> Self {
        let specs: Arc<[TensorSpec]> = architecture.graph().tensors().into();
        let values = random::draw(&specs, seed);
        let mut weights = Self {
            architecture,
            layout: Layout::Random,
            epsilon: Layout::Random.epsilon(architecture),
            digest: String::new(),
            untrained: true,
            source: None,
            specs,
            values,
        };
        weights.digest = weights.tensor_digest();
        weights
    }

    /// The batch-norm epsilon of drawn weights.
    pub fn random_epsilon(architecture: Architecture) -> f64 {
        Layout::Random.epsilon(architecture)
    }

    /// Writes all tensors as safetensors under their canonical names, with architecture and epsilon in the metadata,
    /// so that [`Weights::load`] gives the same backbone again. Returns the digest of the file.
    ///
    /// The file appears whole or not at all, and never takes the place of another.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn save(&self, path: &Path) -> Result<String, BackboneError> {
        safetensors::save(self, path)
    }

    /// Which backbone these are for.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Where the names came from.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The batch-norm epsilon that belongs to them.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// `sha256:` and the hexadecimal SHA-256 of the file or, where the weights were drawn or changed, of the tensors.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether the weights were drawn, not learnt; a saved copy remembers it.
    pub fn is_untrained(&self) -> bool {
        self.untrained
    }

    /// The file they were read from.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// Every tensor, in the order of the layers.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorView<'_>> {
        self.specs.iter().zip(&self.values).map(|(spec, values)| TensorView {
            name: &spec.name,
            shape: &spec.shape,
            values,
        })
    }

    /// One tensor by its canonical name.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        self.tensors().find(|t| t.name == name)
    }

    /// Values of the tensors of layer number `layer`, in the order of its variables.
    pub(crate) fn of_layer(&self, layer: usize) -> Vec<&[f32]> {
        let start = self.specs.partition_point(|s| s.layer < layer);
        let end = self.specs.partition_point(|s| s.layer <= layer);
        self.values[start..end].iter().map(|values| &**values).collect()
    }

    fn tensor_digest(&self) -> String {
        let mut hash = Sha256::new();
        for tensor in self.tensors() {
            hash.update(tensor.name.as_bytes());
            hash.update([0]);
            for &length in tensor.shape {
                hash.update((length as u64).to_le_bytes());
            }
            hash.update(little_endian(tensor.values));
        }
        format_digest(&hash.finalize())
    }
}

/// The bytes of `values` in little-endian order, borrowed where the machine is little-endian.
fn little_endian(values: &[f32]) -> std::borrow::Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        bytemuck::cast_slice(values).into()
    } else {
        values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into()
    }
}

fn format_digest(hash: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(7 + 2 * hash.len());
    text.push_str("sha256:");
    for byte in hash {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
