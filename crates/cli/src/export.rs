//! `export`: a trained model as a file that PyTorch, Keras or anything else reads.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;
use xfer_backbones::Precision;
use xfer_trainer::{Activation, Existing, Export, ExportFormat};

use crate::Ending;
use crate::args::usage_error;
use crate::model::{ModelArgs, OpenedModel};
use crate::output_file;
use crate::terminal::{Terminal, print_json};

/// Write a trained model as a file for PyTorch, Keras or others
///
/// torchscript: normalisation, backbone, pooling, head and softmax (or sigmoid) in one file for plain PyTorch 2:
/// `torch.jit.load(FILE)(images)`, images [n, height, width, 3], RGB, 0..255, uint8 or float32, any n, at the model's size;
/// out come probabilities [n, classes]. Class names, size and interpolation are in the extra file `xfer.json`.
///
/// keras: weights for `keras.Sequential([ResNet50(include_top=False, pooling="avg", weights=None), Dense(classes,
/// "softmax")])` of Keras 3; `model.load_weights(FILE)`. FILE has to end in .weights.h5.
///
/// safetensors: every tensor of backbone and head under Keras' names, axes in Keras' order; what else a reader needs is in
/// the metadata.
#[derive(Debug, clap::Args)]
#[command(mut_arg("batch_size", |arg| arg.hide(true)), mut_arg("device", |arg| arg.hide(true)))]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// What to write: torchscript, keras or safetensors
    #[arg(long, value_name = "FORMAT")]
    format: ExportFormat,

    /// File to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the output if it is there
    #[arg(long)]
    overwrite: bool,

    /// Print a JSON document about the result
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        let ending = self.format.ending();
        if !self.output.to_string_lossy().ends_with(ending) {
            let message = format!("--output {}: Keras takes no other names than *{ending}", self.output.display());
            return Err(usage_error("export", message));
        }
        Ok(self)
    }
}

pub(crate) fn run(args: ExportArgs) -> anyhow::Result<Ending> {
    let start = Instant::now();
    let terminal = Terminal::new(args.json, 1);
    output_file::check_vacant(&args.output, args.overwrite)?;
    let model = args.model.open(&terminal)?;
    if model.description.precision != Precision::Fp32 {
        let precision = model.description.precision;
        terminal.warn(format_args!("the model was trained in {precision}; the file computes in fp32, which is closer"));
    }
    let existing = if args.overwrite { Existing::Replace } else { Existing::Keep };
    let OpenedModel { head, description, network, .. } = &model;
    let backbone = network.backbone()?;
    Export { head, description, backbone }.write(args.format, &args.output, existing)?;

    let bytes = args.output.metadata().map_or(0, |file| file.len());
    let megabytes = bytes as f64 / 1e6;
    terminal.line(format_args!("Wrote {} as {}, {megabytes:.1} MB.", args.output.display(), args.format));
    terminal.line(usage(&args, &model));
    if args.json {
        print_json(&json!({
            "format": args.format.name(),
            "output": args.output,
            "bytes": bytes,
            "backbone": description.backbone.name(),
            "classes": description.classes,
            "image_size": description.image_size,
            "interpolation": description.interpolation.to_string(),
            "activation": head.activation(),
            "outputs": head.outputs(),
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
    }
    Ok(Ending::Done)
}

/// How the file is read, to be copied.
fn usage(args: &ExportArgs, model: &OpenedModel) -> String {
    let file = format!("{:?}", args.output.display().to_string());
    let [height, width] = model.description.image_size;
    match args.format {
        ExportFormat::TorchScript => {
            format!("PyTorch: torch.jit.load({file})(images)  # [n, {height}, {width}, 3], RGB, 0..255")
        }
        ExportFormat::Keras => {
            let backbone = match model.description.backbone {
                xfer_backbones::Architecture::Xception => "Xception",
                _ => "ResNet50",
            };
            let hidden = model.head.hidden().map(|layer| format!("Dense({}, activation=\"relu\"), ", layer.outputs()));
            let activation = match model.head.activation() {
                Activation::Softmax => "softmax",
                Activation::Sigmoid => "sigmoid",
            };
            format!(
                "Keras: model = Sequential([{backbone}(include_top=False, pooling=\"avg\", weights=None), \
                 {}Dense({}, activation=\"{activation}\")]); model.load_weights({file})",
                hidden.unwrap_or_default(),
                model.head.outputs()
            )
        }
        _ => format!("Python: safetensors.numpy.load_file({file})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};

    fn export(words: &str) -> Result<ExportArgs, clap::Error> {
        match parse(&format!("export {words}"))? {
            Verb::Export(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn run_format_and_output_are_needed() {
        for words in ["", "run", "run --format keras", "run --output a", "--format keras --output a.weights.h5"] {
            assert_eq!(export(words).unwrap_err().exit_code(), 2, "{words}");
        }
        let args = export("run --format torchscript --output model.pt").unwrap();
        assert_eq!((args.format, args.overwrite), (ExportFormat::TorchScript, false));
    }

    #[test]
    fn a_format_or_a_name_that_will_not_do_is_a_usage_error() {
        let error = export("run --format onnx --output a").unwrap_err().to_string();
        assert!(error.contains("there are torchscript, keras, safetensors"), "{error}");
        let error = export("run --format keras --output model.h5").unwrap_err().to_string();
        assert!(error.contains("*.weights.h5"), "{error}");
    }
}
