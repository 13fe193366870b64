//! A network and the layers on top of it as one TorchScript file, which PyTorch runs without this program.
//!
//! The file is what libtorch itself recorded of the operations that make features of images; nothing of it is written by
//! hand. It holds no choice of this machine: batch norms are folded, but convolutions are the ones that every build of
//! PyTorch has, and any number of images may come at a time.

use std::fs;
use std::io::{Cursor, Write as _};

use tch::{CModule, Kind, TchError, Tensor};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::backbone::Backbone;
use crate::error::{BackboneError, TorchContext as _};
use crate::plan::{BatchNorm, Plan, Target};
use crate::preprocess::{CAFFE_MEANS_BGR, Preprocess};

/// A Dense layer on top of the features.
#[derive(Debug, Clone, Copy)]
pub struct ScriptLayer<'a> {
    /// `[inputs, outputs]`, row-major; the inputs of the first layer are the features.
    pub kernel: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
    /// What follows.
    pub activation: ScriptActivation,
}

/// What follows a [`ScriptLayer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptActivation {
    /// Negative values become 0.
    Relu,
    /// Each row adds up to 1.
    Softmax,
    /// Each value on its own.
    Sigmoid,
}

/// Name of the folder in the archive.
const NAME: &str = "classifier";

impl Backbone {
    /// The bytes of a TorchScript archive of preprocessing, backbone, pooling and `layers`, for images of `image`,
    /// `[height, width]` pixels. In f32 always.
    ///
    /// Its `forward` takes RGB images `[n, height, width, 3]` of 0..255, as bytes or f32, and gives what the last layer
    /// gives, `[n, outputs]` f32; images of another size are an error. `extra` are texts by name that
    /// `torch.jit.load(..., _extra_files=...)` hands out.
    ///
    /// # Errors
    /// When the architecture does not take images of that size, a kernel does not fit, libtorch fails, or the folder for
    /// temporary files, in which libtorch writes first, cannot be used.
    pub fn torchscript(
        &self,
        image: [usize; 2],
        layers: &[ScriptLayer<'_>],
        extra: &[(&str, &str)],
    ) -> Result<Vec<u8>, BackboneError> {
        let module = self.trace(image, layers)?;
        let folder = tempfile::tempdir().map_err(io_error(&std::env::temp_dir()))?;
        let path = folder.path().join(format!("{NAME}.pt"));
        module.save(&path).stage(|| "writing TorchScript".to_owned())?;
        let bytes = fs::read(&path).map_err(io_error(&path))?;
        with_extra(bytes, extra).map_err(|source| io_error(&path)(source.into()))
    }

    fn trace(&self, image: [usize; 2], layers: &[ScriptLayer<'_>]) -> Result<CModule, BackboneError> {
        let [height, width] = image;
        self.check_shape([1, height, width, 3])?;
        let plan = Plan::compile(&self.graph, &self.weights, self.epsilon, BatchNorm::Folded, Target::portable())?;
        let layers: Vec<Layer> = layers.iter().map(Layer::new).collect::<Result<_, _>>()?;
        let size = [1, height as i64, width as i64, 3];
        let normalise =
            Normalise::new(self.architecture().preprocessing(), &size).stage(|| "preparing TorchScript".to_owned())?;
        let example = Tensor::f_zeros(size, (Kind::Uint8, tch::Device::Cpu)).stage(|| "tracing".to_owned())?;
        let mut failed = None;
        let mut run = |images: &[Tensor]| {
            let ran: Result<Vec<_>, _> =
                images.iter().map(|images| classify(images, &normalise, &plan, &layers)).collect();
            ran.unwrap_or_else(|error| {
                failed = Some(error);
                // Recording must come to its end all the same.
                images.iter().map(Tensor::shallow_clone).collect()
            })
        };
        let module = CModule::create_by_tracing("Classifier", "forward", &[example], &mut run);
        match failed {
            Some(error) => Err(error),
            None => module.stage(|| "tracing".to_owned()),
        }
    }
}

fn classify(images: &Tensor, normalise: &Normalise, plan: &Plan, layers: &[Layer]) -> Result<Tensor, BackboneError> {
    let images = normalise.run(images).stage(|| "preprocessing".to_owned())?;
    let map = plan.run(images, None)?;
    let mut x =
        map.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float).stage(|| "global average pooling".to_owned())?;
    for layer in layers {
        x = layer.run(&x).stage(|| "dense".to_owned())?;
    }
    Ok(x)
}

/// [`Preprocess`] for images of one size, without writing over what came in.
struct Normalise {
    mode: Preprocess,
    /// As large as an image, though only one pixel is stored: others sizes cannot be combined with it.
    offset: Tensor,
    scale: Tensor,
}

impl Normalise {
    fn new(mode: Preprocess, size: &[i64]) -> Result<Self, TchError> {
        let offset: &[f32] = match mode {
            Preprocess::Caffe => &CAFFE_MEANS_BGR,
            Preprocess::Tf => &[1.0],
        };
        Ok(Self {
            mode,
            offset: Tensor::f_from_slice(offset)?.f_expand(size, false)?,
            scale: Tensor::f_from_slice(&[127.5_f32])?,
        })
    }

    /// NHWC to NCHW.
    fn run(&self, images: &Tensor) -> Result<Tensor, TchError> {
        let images = match self.mode {
            Preprocess::Caffe => images.f_flip([3])?.f_to_kind(Kind::Float)?,
            Preprocess::Tf => images.f_to_kind(Kind::Float)?.f_div(&self.scale)?,
        };
        images.f_sub(&self.offset)?.f_permute([0, 3, 1, 2])
    }
}

struct Layer {
    /// `[outputs, inputs]`.
    weight: Tensor,
    bias: Tensor,
    activation: ScriptActivation,
}

impl Layer {
    fn new(layer: &ScriptLayer<'_>) -> Result<Self, BackboneError> {
        let outputs = layer.bias.len() as i64;
        let load = || {
            let weight = Tensor::f_from_slice(layer.kernel)?.f_view([-1, outputs])?.f_tr()?.f_contiguous()?;
            Ok(Self { weight, bias: Tensor::f_from_slice(layer.bias)?, activation: layer.activation })
        };
        load().stage(|| "loading a Dense layer".to_owned())
    }

    fn run(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let x = x.f_linear(&self.weight, Some(&self.bias))?;
        match self.activation {
            ScriptActivation::Relu => x.f_relu(),
            ScriptActivation::Softmax => x.f_softmax(-1, Kind::Float),
            ScriptActivation::Sigmoid => x.f_sigmoid(),
        }
    }
}

/// The archive with texts in the folder where PyTorch looks for them.
fn with_extra(archive: Vec<u8>, extra: &[(&str, &str)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new_append(Cursor::new(archive))?;
    for (name, text) in extra {
        // PyTorch reads what is stored, not what is compressed.
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("{NAME}/extra/{name}"), options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

fn io_error(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> BackboneError {
    let path = path.to_owned();
    move |source| BackboneError::Io { path, stage: "write", source }
}
