//! Keras' own arguments, as JSON objects: of `ImageDataGenerator(...)`, and of `flow_from_directory(...)` or
//! `flow_from_dataframe(...)`.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use xfer_loader::{
    ClassMode, Compat, DecodeOptions, DirectoryOptions, FlowOptions, ImageDataGenerator, Layout, PixelType,
    Preprocessing, SaveTo, Shift, SplineOrder, Split, Subset, TableOptions, ZoomRange,
};

/// Arguments of `ImageDataGenerator`, with Keras' names and defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    featurewise_center: bool,
    samplewise_center: bool,
    featurewise_std_normalization: bool,
    samplewise_std_normalization: bool,
    zca_whitening: bool,
    zca_epsilon: f64,
    rotation_range: f64,
    width_shift_range: Value,
    height_shift_range: Value,
    brightness_range: Option<[f64; 2]>,
    shear_range: f64,
    zoom_range: Zoom,
    channel_shift_range: f64,
    fill_mode: String,
    cval: f64,
    horizontal_flip: bool,
    vertical_flip: bool,
    rescale: Option<f64>,
    /// Instead of `preprocessing_function`: a backbone, or a mode of `preprocess_input`.
    preprocessing: Option<String>,
    data_format: Option<String>,
    validation_split: f64,
    interpolation_order: u8,
    dtype: Option<String>,
    /// What `fit` is called with; not an argument of Keras' constructor.
    pub(super) fit: Option<Fit>,
}

/// `generator.fit(x)`, where `x` are the first images of the index.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fit {
    pub(super) samples: usize,
}

/// A number z for `[1 - z, 1 + z]`, or the range itself.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Zoom {
    Around(f64),
    Range([f64; 2]),
}

impl From<Zoom> for ZoomRange {
    fn from(zoom: Zoom) -> Self {
        match zoom {
            Zoom::Around(z) => z.into(),
            Zoom::Range([low, high]) => Self { low, high },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            featurewise_center: false,
            samplewise_center: false,
            featurewise_std_normalization: false,
            samplewise_std_normalization: false,
            zca_whitening: false,
            zca_epsilon: 1e-6,
            rotation_range: 0.0,
            width_shift_range: Value::from(0.0),
            height_shift_range: Value::from(0.0),
            brightness_range: None,
            shear_range: 0.0,
            zoom_range: Zoom::Around(0.0),
            channel_shift_range: 0.0,
            fill_mode: "nearest".to_owned(),
            cval: 0.0,
            horizontal_flip: false,
            vertical_flip: false,
            rescale: None,
            preprocessing: None,
            data_format: None,
            validation_split: 0.0,
            interpolation_order: 1,
            dtype: None,
            fit: None,
        }
    }
}

impl Config {
    /// The generator, with `compat`'s draws.
    pub(super) fn generator(&self, compat: Compat) -> anyhow::Result<ImageDataGenerator> {
        let mut generator = ImageDataGenerator::new()
            .compat(compat)
            .rotation_range(self.rotation_range)
            .width_shift_range(shift("width_shift_range", &self.width_shift_range)?)
            .height_shift_range(shift("height_shift_range", &self.height_shift_range)?)
            .shear_range(self.shear_range)
            .zoom_range(self.zoom_range)
            .channel_shift_range(self.channel_shift_range)
            .brightness_range(self.brightness_range.map(|[low, high]| (low, high)))
            .fill_mode(self.fill_mode.parse()?)
            .cval(self.cval)
            .interpolation_order(SplineOrder::new(self.interpolation_order)?)
            .horizontal_flip(self.horizontal_flip)
            .vertical_flip(self.vertical_flip)
            .samplewise_center(self.samplewise_center)
            .samplewise_std_normalization(self.samplewise_std_normalization)
            .featurewise_center(self.featurewise_center)
            .featurewise_std_normalization(self.featurewise_std_normalization)
            .zca_whitening(self.zca_whitening)
            .zca_epsilon(self.zca_epsilon);
        if let Some(rescale) = self.rescale {
            generator = generator.rescale(rescale);
        }
        if let Some(name) = &self.preprocessing {
            generator = generator.preprocessing(preprocessing(name)?);
        }
        Ok(generator)
    }

    pub(super) fn layout(&self) -> anyhow::Result<Layout> {
        match self.data_format.as_deref() {
            None | Some("channels_last") => Ok(Layout::Nhwc),
            Some("channels_first") => Ok(Layout::Nchw),
            Some(other) => bail!("data_format: expected channels_last or channels_first, got {other}"),
        }
    }

    pub(super) fn pixel_type(&self) -> anyhow::Result<PixelType> {
        match self.dtype.as_deref() {
            None | Some("float32") => Ok(PixelType::F32),
            Some("uint8") => Ok(PixelType::U8),
            Some(other) => bail!("dtype: expected float32 or uint8, got {other}"),
        }
    }

    fn split(&self) -> anyhow::Result<Option<Split>> {
        match self.validation_split {
            0.0 => Ok(None),
            split if split > 0.0 && split < 1.0 => Ok(Some(Split::First(split))),
            other => bail!("validation_split: expected a number between 0 and 1, got {other}"),
        }
    }
}

/// Arguments of `flow_from_directory` and `flow_from_dataframe`, with Keras' names and defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FlowConfig {
    target_size: [usize; 2],
    color_mode: String,
    classes: Option<Vec<String>>,
    class_mode: Option<String>,
    batch_size: usize,
    shuffle: bool,
    /// Wins over `--seed`.
    pub(super) seed: Option<u64>,
    save_to_dir: Option<PathBuf>,
    save_prefix: String,
    save_format: String,
    follow_links: bool,
    subset: Option<String>,
    interpolation: String,
    keep_aspect_ratio: bool,
    x_col: String,
    y_col: Columns,
    weight_col: Option<String>,
    validate_filenames: bool,
    /// What separates the classes in a field of a CSV file, where Keras' data frame has lists; not an argument of Keras.
    list_separator: Option<char>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Columns {
    One(String),
    Many(Vec<String>),
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            target_size: [256, 256],
            color_mode: "rgb".to_owned(),
            classes: None,
            class_mode: Some("categorical".to_owned()),
            batch_size: 32,
            shuffle: true,
            seed: None,
            save_to_dir: None,
            save_prefix: String::new(),
            save_format: "png".to_owned(),
            follow_links: false,
            subset: None,
            interpolation: "nearest".to_owned(),
            keep_aspect_ratio: false,
            x_col: "filename".to_owned(),
            y_col: Columns::One("class".to_owned()),
            weight_col: None,
            validate_filenames: true,
            list_separator: None,
        }
    }
}

impl FlowConfig {
    /// `base` with these arguments over it.
    pub(super) fn options(&self, config: &Config, base: FlowOptions) -> anyhow::Result<FlowOptions> {
        let save_to = self
            .save_to_dir
            .as_ref()
            .map(|directory| {
                anyhow::Ok(SaveTo {
                    directory: directory.clone(),
                    prefix: self.save_prefix.clone(),
                    format: self.save_format.parse()?,
                })
            })
            .transpose()?;
        Ok(FlowOptions {
            target_size: (self.target_size[0], self.target_size[1]),
            decode: DecodeOptions { color_mode: self.color_mode.parse()?, ..base.decode },
            batch_size: self.batch_size,
            shuffle: self.shuffle,
            interpolation: self.interpolation.parse()?,
            keep_aspect_ratio: self.keep_aspect_ratio,
            pixel_type: config.pixel_type()?,
            layout: config.layout()?,
            save_to,
            ..base
        })
    }

    pub(super) fn directory(&self, config: &Config, compat: Compat) -> anyhow::Result<DirectoryOptions> {
        Ok(DirectoryOptions {
            classes: self.classes.clone(),
            class_mode: self.class_mode()?,
            follow_links: self.follow_links,
            hidden_folders: compat == Compat::Keras3,
            strict: compat != Compat::Keras3,
            split: config.split()?,
            subset: self.subset()?,
        })
    }

    pub(super) fn table(
        &self,
        config: &Config,
        directory: Option<PathBuf>,
        compat: Compat,
    ) -> anyhow::Result<TableOptions> {
        Ok(TableOptions {
            directory,
            x_col: self.x_col.clone(),
            y_col: match &self.y_col {
                Columns::One(column) => vec![column.clone()],
                Columns::Many(columns) => columns.clone(),
            },
            weight_col: self.weight_col.clone(),
            class_mode: self.class_mode()?,
            classes: self.classes.clone(),
            validate_filenames: self.validate_filenames,
            list_separator: self.list_separator,
            strict: compat != Compat::Keras3,
            split: config.split()?,
            subset: self.subset()?,
            ..TableOptions::default()
        })
    }

    fn class_mode(&self) -> anyhow::Result<ClassMode> {
        Ok(self.class_mode.as_deref().map_or(Ok(ClassMode::None), str::parse)?)
    }

    fn subset(&self) -> anyhow::Result<Option<Subset>> {
        Ok(self.subset.as_deref().map(str::parse).transpose()?)
    }
}

/// A JSON object given as `--config` or `--flow`.
pub(super) fn parse<T: DeserializeOwned>(text: &str, argument: &str) -> anyhow::Result<T> {
    serde_json::from_str(text).with_context(|| format!("{argument}: not a JSON object with Keras' argument names"))
}

/// Keras tells whole numbers from others: `2` and `2.0` are different shifts.
fn shift(argument: &str, value: &Value) -> anyhow::Result<Shift> {
    value.to_string().parse().with_context(|| format!("{argument}: {value}"))
}

fn preprocessing(name: &str) -> anyhow::Result<Preprocessing> {
    match name {
        "resnet50" => Ok(Preprocessing::Caffe),
        "xception" => Ok(Preprocessing::Tf),
        other => Ok(other.parse()?),
    }
}
