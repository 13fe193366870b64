//! The batches in a safetensors file, ours or Keras'.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// An array of any shape, rows last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array<T> {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<T>,
}

/// One batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    /// `[samples, height, width, channels]`, or channels before height.
    pub(super) x: Array<f32>,
    /// `None` where the flow has no labels.
    pub(super) y: Option<Array<f32>>,
    /// Labels of each output, where there are several.
    pub(super) outputs: Vec<Array<f32>>,
    pub(super) weights: Option<Array<f32>>,
    /// Position of each sample in the flow's list of files.
    pub(super) index: Array<i64>,
    /// For each sample, how far one level of 0..255 moves its values. Only Keras' files have it.
    pub(super) scale: Option<Array<f32>>,
}

/// Reads `x0`, `y0` or `y0_0`, `y0_1`, .., `w0`, `index0`, `scale0`, `x1`, .. up to `count` batches.
///
/// # Errors
///
/// The file is unreadable, has more or fewer batches, or one that lacks its pixels or its index.
pub(super) fn read(path: &Path, count: usize) -> Result<Vec<Batch>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes, count).with_context(|| format!("in {}", path.display()))
}

fn parse(bytes: &[u8], count: usize) -> Result<Vec<Batch>> {
    let file = SafeTensors::deserialize(bytes).context("not a safetensors file")?;
    if file.tensor(&format!("x{count}")).is_ok() {
        bail!("more than the {count} batches that were asked for");
    }
    let get = |name: &str, number: usize| file.tensor(&format!("{name}{number}")).ok();
    let needed = |name: &str, number: usize| get(name, number).with_context(|| format!("there is no {name}{number}"));
    (0..count)
        .map(|number| {
            Ok(Batch {
                x: floats(&needed("x", number)?)?,
                y: get("y", number).as_ref().map(floats).transpose()?,
                outputs: (0..)
                    .map_while(|output| file.tensor(&format!("y{number}_{output}")).ok())
                    .map(|tensor| floats(&tensor))
                    .collect::<Result<_>>()?,
                weights: get("w", number).as_ref().map(floats).transpose()?,
                index: integers(&needed("index", number)?)?,
                scale: get("scale", number).as_ref().map(floats).transpose()?,
            })
        })
        .collect()
}

fn floats(tensor: &TensorView<'_>) -> Result<Array<f32>> {
    let values = match tensor.dtype() {
        Dtype::F32 => numbers(tensor, f32::from_le_bytes),
        Dtype::U8 => tensor.data().iter().map(|&value| f32::from(value)).collect(),
        other => bail!("pixels and labels as {other:?}; F32 and U8 are understood"),
    };
    Ok(Array { shape: tensor.shape().to_vec(), values })
}

fn integers(tensor: &TensorView<'_>) -> Result<Array<i64>> {
    let values = match tensor.dtype() {
        Dtype::I64 => numbers(tensor, i64::from_le_bytes),
        // No list of files has 2^63 entries.
        Dtype::U64 => numbers(tensor, u64::from_le_bytes).into_iter().map(|value| value as i64).collect(),
        Dtype::I32 => numbers(tensor, i32::from_le_bytes).into_iter().map(i64::from).collect(),
        Dtype::U32 => numbers(tensor, u32::from_le_bytes).into_iter().map(i64::from).collect(),
        other => bail!("an index as {other:?}; I64, U64, I32 and U32 are understood"),
    };
    Ok(Array { shape: tensor.shape().to_vec(), values })
}

fn numbers<const N: usize, T>(tensor: &TensorView<'_>, number: fn([u8; N]) -> T) -> Vec<T> {
    tensor.data().as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Vec<u8> {
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.to_vec(), data).unwrap()));
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn pixels_may_be_bytes_and_an_index_any_integer() {
        let bytes = file(&[
            ("x0", Dtype::U8, &[1, 1, 2, 1], &[7, 255]),
            ("y0", Dtype::F32, &[1], &1.5_f32.to_le_bytes()),
            ("index0", Dtype::U32, &[1], &9_u32.to_le_bytes()),
        ]);
        let batch = parse(&bytes, 1).unwrap().remove(0);
        assert_eq!(batch.x, Array { shape: vec![1, 1, 2, 1], values: vec![7.0, 255.0] });
        assert_eq!(batch.y, Some(Array { shape: vec![1], values: vec![1.5] }));
        assert_eq!(batch.index.values, [9]);
        assert_eq!((batch.scale, batch.weights, batch.outputs), (None, None, Vec::new()));
    }

    #[test]
    fn there_may_be_several_outputs_and_weights() {
        let one = 1.5_f32.to_le_bytes();
        let bytes = file(&[
            ("x0", Dtype::U8, &[1, 1, 1, 1], &[7]),
            ("y0_0", Dtype::F32, &[1], &one),
            ("y0_1", Dtype::F32, &[1], &one),
            ("w0", Dtype::F32, &[1], &one),
            ("index0", Dtype::I64, &[1], &[0; 8]),
        ]);
        let batch = parse(&bytes, 1).unwrap().remove(0);
        assert_eq!((batch.y, batch.outputs.len()), (None, 2));
        assert_eq!(batch.weights.unwrap().values, [1.5]);
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let x = ("x0", Dtype::U8, &[1_usize, 1, 1, 1][..], &[7_u8][..]);
        let index = ("index0", Dtype::I64, &[1_usize][..], &[0_u8; 8][..]);
        let error = |tensors: &[_], count| format!("{:#}", parse(&file(tensors), count).expect_err("broken"));
        assert_eq!(error(&[x], 1), "there is no index0");
        assert_eq!(error(&[x, index], 2), "there is no x1");
        assert_eq!(error(&[x, index], 0), "more than the 0 batches that were asked for");
        assert!(format!("{:#}", parse(b"{}", 1).expect_err("no file")).contains("not a safetensors file"));
    }
}
