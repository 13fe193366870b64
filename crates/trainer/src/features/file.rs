//! Features as a safetensors file, written row by row: memory does not grow with the number of images.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::atomic_file::{AtomicFile, Existing, write_error};
use crate::error::TrainerError;

/// A safetensors file in the making, with one tensor `features`, `[rows, features]` f32.
#[derive(Debug)]
pub struct FeatureFile {
    file: AtomicFile,
    features: usize,
    written: usize,
    header_len: usize,
}

impl FeatureFile {
    /// Begins a file of `rows` vectors of `features` values, described by `metadata`.
    ///
    /// # Errors
    ///
    /// The file cannot be created or written.
    pub fn create(
        path: &Path,
        rows: usize,
        features: usize,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, TrainerError> {
        let mut file = AtomicFile::create(path)?;
        let header = header(rows, features, metadata);
        let length = (header.len() as u64).to_le_bytes();
        file.write(&length).and_then(|()| file.write(&header)).map_err(|source| write_error(path, source))?;
        Ok(Self { file, features, written: 0, header_len: header.len() })
    }

    /// Appends vectors, `[any, features]` row-major.
    ///
    /// # Errors
    ///
    /// They are not whole vectors, or the file cannot be written.
    pub fn append(&mut self, features: &[f32]) -> Result<(), TrainerError> {
        if !features.len().is_multiple_of(self.features) {
            return Err(TrainerError::FeatureLength { expected: self.features, got: features.len() });
        }
        self.written += features.len() / self.features;
        let written = if cfg!(target_endian = "little") {
            self.file.write(bytemuck::cast_slice(features))
        } else {
            features.iter().try_for_each(|value| self.file.write(&value.to_le_bytes()))
        };
        written.map_err(|source| write_error(self.file.path(), source))
    }

    /// Publishes the file, of `rows` rows, which may be fewer than were announced, as when files were left out.
    /// `metadata` takes the place of what was given at first.
    ///
    /// # Errors
    ///
    /// Another number of rows came, the new metadata is longer than the old, the disk is full, or the name is taken and
    /// is to be kept.
    pub fn finish(
        mut self,
        rows: usize,
        metadata: &BTreeMap<String, String>,
        existing: Existing,
    ) -> Result<(), TrainerError> {
        let mut header = header(self.written, self.features, metadata);
        if self.written != rows || header.len() > self.header_len {
            let path = self.file.path().to_owned();
            return Err(TrainerError::FeatureRows { path, expected: rows, got: self.written });
        }
        // The tensors stay where they are: the header is padded to the room that it had.
        header.resize(self.header_len, b' ');
        let written = self.file.write_at(size_of::<u64>() as u64, &header);
        written.map_err(|source| write_error(self.file.path(), source))?;
        self.file.complete()?.publish(existing)
    }
}

/// The JSON header of a safetensors file with one tensor.
fn header(rows: usize, features: usize, metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let bytes = rows * features * size_of::<f32>();
    let header = json!({
        "__metadata__": metadata,
        "features": { "dtype": "F32", "shape": [rows, features], "data_offsets": [0, bytes] },
    });
    let mut header = header.to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' '); // tensors begin aligned
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    #[test]
    fn the_file_is_what_safetensors_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.safetensors");
        let paths = r#"["a \"b\".jpg","ü.png"]"#;
        let metadata = BTreeMap::from([("paths".to_owned(), paths.to_owned())]);
        let mut file = FeatureFile::create(&path, 3, 2, &metadata).unwrap();
        file.append(&[1.0, 2.0]).unwrap();
        file.append(&[3.0, 4.0, 5.0, -6.5]).unwrap();
        file.finish(3, &metadata, Existing::Keep).unwrap();

        let bytes = std::fs::read(&path).unwrap();
        let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!((header + 8) % 8, 0);
        assert_eq!(metadata.metadata().as_ref().unwrap()["paths"], paths);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = tensors.tensor("features").unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F32, &[3, 2][..]));
        let values: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, -6.5]);
    }

    #[test]
    fn rows_that_were_left_out_leave_a_shorter_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.safetensors");
        let metadata = |paths: &str| BTreeMap::from([("paths".to_owned(), paths.to_owned())]);
        let mut file = FeatureFile::create(&path, 3, 2, &metadata(r#"["a","b","c"]"#)).unwrap();
        file.append(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        file.finish(2, &metadata(r#"["a","c"]"#), Existing::Keep).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["paths"], r#"["a","c"]"#);
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("features").unwrap().shape(), [2, 2]);
    }

    #[test]
    fn a_file_with_too_few_rows_does_not_appear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.safetensors");
        let mut file = FeatureFile::create(&path, 3, 2, &BTreeMap::new()).unwrap();
        assert!(matches!(file.append(&[1.0; 3]), Err(TrainerError::FeatureLength { expected: 2, got: 3 })));
        file.append(&[1.0; 4]).unwrap();
        assert!(matches!(
            file.finish(3, &BTreeMap::new(), Existing::Keep),
            Err(TrainerError::FeatureRows { expected: 3, got: 2, .. })
        ));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
