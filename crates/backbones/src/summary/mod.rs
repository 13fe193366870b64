//! The table of layers that Keras prints, from the description of the architecture alone; libtorch takes no part.
//!
//! [`Summary::short`] is the table of a notebook's `model.summary()`: a backbone and a Dense head in a `Sequential`.
//! [`Summary::layers`] is that of the backbone itself, layer by layer. Both are laid out as in Keras 2.

mod table;

use std::fmt;

use crate::architecture::Architecture;
use crate::error::BackboneError;
use crate::layers::Shape;
use table::{Cell, Table};

/// One row: a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Keras' name of the layer.
    pub name: String,
    /// Keras' type of the layer, as `Conv2D`.
    pub keras_type: &'static str,
    /// Output shape after the batch axis: `[height, width, channels]` or `[features]`.
    pub output_shape: Vec<usize>,
    /// Number of weights.
    pub parameters: usize,
    /// Names of the layers it reads.
    pub connected_to: Vec<String>,
}

/// A model's layers and totals. `Display` prints it as Keras 2 does, without a final line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub name: String,
    /// Its layers, in order.
    pub rows: Vec<Row>,
    /// Weights that training moves.
    pub trainable: usize,
    /// Weights that stay.
    pub non_trainable: usize,
    columns: Columns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Columns {
    /// Name, shape, parameters: 65 characters.
    Short,
    /// And the layers read: 98 characters.
    Connected,
}

impl Summary {
    /// A frozen backbone with a Dense softmax head of `classes` outputs, as a Keras `Sequential`.
    pub fn short(architecture: Architecture, classes: usize) -> Self {
        let backbone = architecture.graph().parameters();
        let head = (Architecture::FEATURES + 1) * classes;
        let row = |name: &str, keras_type, features, parameters| Row {
            name: name.to_owned(),
            keras_type,
            output_shape: vec![features],
            parameters,
            connected_to: Vec::new(),
        };
        Self {
            name: "sequential".to_owned(),
            rows: vec![
                row(architecture.name(), "Functional", Architecture::FEATURES, backbone),
                row("dense", "Dense", classes, head),
            ],
            trainable: head,
            non_trainable: backbone,
            columns: Columns::Short,
        }
    }

    /// Every layer of a backbone for images of `height` x `width`, all weights frozen.
    ///
    /// # Errors
    /// When the image is smaller than the architecture admits, or a shape does not fit into memory's range.
    pub fn layers(architecture: Architecture, height: usize, width: usize) -> Result<Self, BackboneError> {
        let least = architecture.min_image_size();
        let graph = architecture.graph();
        let fits = height.min(width) >= least && height.max(width) <= 1 << 20;
        let Some(shapes) = fits.then(|| graph.shapes(height, width)).flatten() else {
            return Err(BackboneError::Batch {
                shape: [1, height, width, 3],
                reason: format!("{architecture} takes images from {least}x{least} to {0}x{0} pixels", 1 << 20),
            });
        };
        let layers = graph.layers();
        let rows: Vec<Row> = std::iter::zip(layers, shapes)
            .map(|(layer, shape)| Row {
                name: layer.name.clone(),
                keras_type: layer.op.keras_type(),
                output_shape: match shape {
                    Shape::Image(sides) => sides.to_vec(),
                    Shape::Vector(features) => vec![features],
                },
                parameters: layer.parameters(),
                connected_to: layer.inputs.iter().map(|&i| layers[i].name.clone()).collect(),
            })
            .collect();
        Ok(Self {
            name: architecture.name().to_owned(),
            rows,
            trainable: 0,
            non_trainable: graph.parameters(),
            columns: Columns::Connected,
        })
    }

    /// All weights.
    pub fn total(&self) -> usize {
        self.trainable + self.non_trainable
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = match self.columns {
            Columns::Short => Table { width: 65, ends: &[29, 55, 65] },
            Columns::Connected => Table { width: 98, ends: &[29, 58, 68, 98] },
        };
        let header = ["Layer (type)", "Output Shape", "Param #", "Connected to"].map(str::to_owned);
        writeln!(f, "Model: \"{}\"", self.name)?;
        writeln!(f, "{}", "_".repeat(table.width))?;
        table.row(f, &header[..table.ends.len()])?;
        writeln!(f, "{}", "=".repeat(table.width))?;
        for row in &self.rows {
            let mut cells: Vec<Cell> =
                vec![format!("{} ({})", row.name, row.keras_type), shape_text(row), row.parameters.to_string()];
            if self.columns == Columns::Connected {
                let names: Vec<String> = row.connected_to.iter().map(|name| format!("'{name}[0][0]'")).collect();
                cells.push(format!("[{}]", names.join(", ")));
            }
            table.row(f, &cells)?;
            writeln!(f, "{}", " ".repeat(table.width))?;
        }
        writeln!(f, "{}", "=".repeat(table.width))?;
        for (what, count) in
            [("Total", self.total()), ("Trainable", self.trainable), ("Non-trainable", self.non_trainable)]
        {
            writeln!(f, "{what} params: {count} ({})", memory_size(count))?;
        }
        write!(f, "{}", "_".repeat(table.width))
    }
}

/// `(None, 7, 7, 2048)`; an input layer has a list of one shape.
fn shape_text(row: &Row) -> String {
    let sides: Vec<String> = row.output_shape.iter().map(ToString::to_string).collect();
    let shape = format!("(None, {})", sides.join(", "));
    if row.keras_type == "InputLayer" { format!("[{shape}]") } else { shape }
}

/// The memory that `count` f32 take, as `readable_memory_size` of Keras writes it.
fn memory_size(count: usize) -> String {
    let mut size = 4.0 * count as f64;
    for unit in ["Byte", "KB", "MB", "GB", "TB"] {
        if size < 1024.0 {
            return format!("{size:.2} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.2} PB")
}
