//! `summary`: Keras' table of layers and parameter counts.

use serde::Serialize;
use xfer_backbones::{Architecture, Summary};

use crate::Ending;
use crate::args::values::{self, ImageSize};
use crate::terminal::{Terminal, print_json};

/// Print Keras' table of layers and parameter counts
#[derive(Debug, clap::Args)]
pub(crate) struct SummaryArgs {
    /// The frozen network: resnet50 or xception
    #[arg(long, value_name = "NAME", default_value = "resnet50")]
    backbone: Architecture,

    /// Every layer of the network, instead of network and head
    #[arg(long)]
    layers: bool,

    /// Classes of the head
    #[arg(long, value_name = "N", default_value = "2", value_parser = values::count)]
    classes: usize,

    /// Size of the photos in pixels, for the shapes of `--layers`: N for squares, or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "224")]
    image_size: ImageSize,

    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl SummaryArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        self.image_size.check(self.backbone, "summary")?;
        Ok(self)
    }
}

#[derive(Serialize)]
struct Document {
    name: String,
    layers: Vec<Layer>,
    total_params: usize,
    trainable_params: usize,
    non_trainable_params: usize,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    #[serde(rename = "type")]
    keras_type: &'static str,
    /// Without the batch axis.
    output_shape: Vec<usize>,
    params: usize,
    connected_to: Vec<String>,
}

pub(crate) fn run(args: SummaryArgs) -> anyhow::Result<Ending> {
    let ImageSize { height, width } = args.image_size;
    let summary = if args.layers {
        Summary::layers(args.backbone, height, width)?
    } else {
        Summary::short(args.backbone, args.classes)
    };
    if args.json {
        print_json(&document(summary))?;
    } else {
        Terminal::new(false, 1).line(summary);
    }
    Ok(Ending::Done)
}

fn document(summary: Summary) -> Document {
    Document {
        total_params: summary.total(),
        trainable_params: summary.trainable,
        non_trainable_params: summary.non_trainable,
        name: summary.name,
        layers: summary
            .rows
            .into_iter()
            .map(|row| Layer {
                name: row.name,
                keras_type: row.keras_type,
                output_shape: row.output_shape,
                params: row.parameters,
                connected_to: row.connected_to,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};

    fn summary(words: &str) -> Result<SummaryArgs, clap::Error> {
        match parse(&format!("summary {words}"))? {
            Verb::Summary(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_is_the_notebooks_model() {
        let args = summary("").unwrap();
        assert_eq!((args.backbone, args.classes, args.layers), (Architecture::ResNet50, 2, false));
        assert_eq!(args.image_size, ImageSize { height: 224, width: 224 });
    }

    #[test]
    fn arguments_out_of_range_are_usage_errors() {
        for words in ["--classes 0", "--image-size 31", "--backbone vgg16", "--backbone xception --image-size 70"] {
            assert_eq!(summary(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }

    #[test]
    fn the_document_has_the_published_totals() {
        for (backbone, total) in [(Architecture::ResNet50, 23_591_810), (Architecture::Xception, 20_865_578)] {
            let json = serde_json::to_value(document(Summary::short(backbone, 2))).unwrap();
            assert_eq!(json["total_params"], total);
            assert_eq!(json["trainable_params"], 4098);
            assert_eq!(json["layers"][0]["name"], backbone.name());
        }
    }
}
