//! Features in a file, and how far two files are apart.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors};

#[derive(Debug)]
pub(super) struct Features {
    paths: String,
    columns: usize,
    values: Vec<f32>,
}

/// Reads what `xfer-cli extract` writes.
pub(super) fn read(path: &Path) -> Result<Features> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| format!("in {}", path.display()))
}

fn parse(bytes: &[u8]) -> Result<Features> {
    let (_, header) = SafeTensors::read_metadata(bytes).context("not a safetensors file")?;
    let paths = header.metadata().as_ref().and_then(|metadata| metadata.get("paths")).context("there are no paths")?;
    let file = SafeTensors::deserialize(bytes)?;
    let tensor = file.tensor("features").context("there are no features")?;
    let (Dtype::F32, &[rows, columns]) = (tensor.dtype(), tensor.shape()) else {
        bail!("features are {:?} {:?}, expected F32 of two axes", tensor.dtype(), tensor.shape());
    };
    if rows == 0 || columns == 0 {
        bail!("there are {rows} x {columns} features");
    }
    let values: Vec<f32> = tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    if let Some(odd) = values.iter().find(|value| !value.is_finite()) {
        bail!("{odd} among the features of {rows} images");
    }
    Ok(Features { paths: paths.clone(), columns, values })
}

impl Features {
    /// The norm of the difference as a share of this one's norm: the largest among the images.
    pub(super) fn difference(&self, other: &Features) -> Result<f64> {
        if (self.columns, &self.paths) != (other.columns, &other.paths) {
            bail!("two files are about different images");
        }
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let pairs = self.values.chunks_exact(self.columns).zip(other.values.chunks_exact(self.columns));
        let differences = pairs.map(|(a, b)| {
            let difference = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(a - b)));
            difference / norm(&mut a.iter().map(|&a| f64::from(a))).max(f64::MIN_POSITIVE)
        });
        Ok(differences.fold(0.0, f64::max))
    }

    /// To the bit.
    pub(super) fn is_same(&self, other: &Features) -> bool {
        self.paths == other.paths
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(|(a, b)| a.to_bits() == b.to_bits())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::TensorView;

    use super::*;

    pub(in super::super) fn file(values: &[f32], columns: usize) -> Vec<u8> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = TensorView::new(Dtype::F32, vec![values.len() / columns, columns], &bytes).unwrap();
        let metadata = HashMap::from([("paths".to_owned(), "[]".to_owned())]);
        safetensors::serialize([("features", tensor)], Some(metadata)).unwrap()
    }

    #[test]
    fn the_worst_image_counts() {
        let of = |values: &[f32]| parse(&file(values, 2)).unwrap();
        let one = of(&[3.0, 4.0, 0.0, 10.0]);
        assert_eq!(one.difference(&one).unwrap(), 0.0);
        let difference = one.difference(&of(&[3.0, 4.5, 0.0, 9.0])).unwrap();
        assert!((difference - 0.1).abs() < 1e-7, "{difference}");
        assert!(one.is_same(&of(&[3.0, 4.0, 0.0, 10.0])) && !one.is_same(&of(&[3.0, 4.0, -0.0, 10.0])));
    }

    #[test]
    fn what_is_no_number_is_no_feature() {
        assert!(parse(&file(&[1.0, f32::NAN], 2)).is_err());
        assert!(parse(b"something").is_err());
        let (one, other) = (parse(&file(&[1.0, 2.0], 2)).unwrap(), parse(&file(&[1.0, 2.0], 1)).unwrap());
        assert!(one.difference(&other).is_err());
    }
}
