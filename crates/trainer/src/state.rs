//! Named tensors: what a training must remember to go on exactly where it was.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::error::TrainerError;

/// The entry of the metadata that the contents are verified by.
const DIGEST: &str = "sha256";

/// The values of one tensor of a [`State`]. Counters are whole numbers, so that none is rounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Parameters, averages, rates.
    F32(Vec<f32>),
    /// Counters.
    U64(Vec<u64>),
}

/// Tensors by name, in alphabetical order. A part within a part has names as paths: `optimizer/momentum/0`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State(BTreeMap<String, Values>);

impl State {
    /// Adds a tensor of f32.
    pub fn set_floats(&mut self, name: impl Into<String>, values: &[f32]) {
        self.0.insert(name.into(), Values::F32(values.to_vec()));
    }

    /// Adds a counter.
    pub fn set_count(&mut self, name: impl Into<String>, value: u64) {
        self.0.insert(name.into(), Values::U64(vec![value]));
    }

    /// Adds counters.
    pub fn set_counts(&mut self, name: impl Into<String>, values: &[u64]) {
        self.0.insert(name.into(), Values::U64(values.to_vec()));
    }

    /// Adds all of `part`, its names below `name`.
    pub fn set_part(&mut self, name: &str, part: State) {
        self.0.extend(part.0.into_iter().map(|(key, values)| (format!("{name}/{key}"), values)));
    }

    /// The tensors whose names lie below `name`.
    pub fn part(&self, name: &str) -> State {
        let below = self.0.iter().filter_map(|(key, values)| {
            let key = key.strip_prefix(name)?.strip_prefix('/')?;
            Some((key.to_owned(), values.clone()))
        });
        State(below.collect())
    }

    /// Names and values.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Values)> {
        self.0.iter().map(|(name, values)| (&**name, values))
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The tensor of `length` f32 of this name.
    ///
    /// # Errors
    ///
    /// There is none, or it is of another type or length.
    pub fn floats(&self, name: &str, length: usize) -> Result<&[f32], TrainerError> {
        match self.0.get(name) {
            Some(Values::F32(values)) if values.len() == length => Ok(values),
            other => Err(refused(name, format!("{length} f32"), other)),
        }
    }

    /// The one f32 of this name.
    ///
    /// # Errors
    ///
    /// As [`floats`](Self::floats).
    pub fn float(&self, name: &str) -> Result<f32, TrainerError> {
        self.floats(name, 1).map(|values| values[0])
    }

    /// The counter of this name.
    ///
    /// # Errors
    ///
    /// There is none, or the tensor is something else.
    pub fn count(&self, name: &str) -> Result<u64, TrainerError> {
        match self.0.get(name) {
            Some(Values::U64(values)) if values.len() == 1 => Ok(values[0]),
            other => Err(refused(name, "1 u64".to_owned(), other)),
        }
    }

    /// The counters of this name, as many as there are.
    ///
    /// # Errors
    ///
    /// There are none, or the tensor is something else.
    pub fn counts(&self, name: &str) -> Result<&[u64], TrainerError> {
        match self.0.get(name) {
            Some(Values::U64(values)) => Ok(values),
            other => Err(refused(name, "u64".to_owned(), other)),
        }
    }

    /// The f32 of this name, as many as there are.
    ///
    /// # Errors
    ///
    /// There are none, or the tensor is something else.
    pub fn all_floats(&self, name: &str) -> Result<&[f32], TrainerError> {
        match self.0.get(name) {
            Some(Values::F32(values)) => Ok(values),
            other => Err(refused(name, "f32".to_owned(), other)),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// SHA-256 of all names and values.
    fn digest(&self) -> String {
        let mut sha = Sha256::new();
        let mut part = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_le_bytes());
            sha.update(bytes);
        };
        for (name, values) in self.tensors() {
            part(name.as_bytes());
            match values {
                Values::F32(values) => part(bytemuck::cast_slice(values)),
                Values::U64(values) => part(bytemuck::cast_slice(values)),
            }
        }
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The tensors as a safetensors file, which holds the digest of what is in it.
    pub fn encode(&self) -> Vec<u8> {
        let bytes: Vec<(&str, Dtype, usize, Vec<u8>)> = self
            .tensors()
            .map(|(name, values)| match values {
                Values::F32(v) => (name, Dtype::F32, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
                Values::U64(v) => (name, Dtype::U64, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
            })
            .collect();
        let views = bytes.iter().map(|(name, dtype, length, bytes)| {
            let view = TensorView::new(*dtype, vec![*length], bytes);
            (name, view.unwrap_or_else(|error| unreachable!("length and values of {name} agree: {error}")))
        });
        let metadata = HashMap::from([(DIGEST.to_owned(), self.digest())]);
        safetensors::serialize(views, Some(metadata))
            .unwrap_or_else(|error| unreachable!("the tensors are well formed: {error}"))
    }

    /// Reads and verifies what [`encode`](Self::encode) wrote; `path` is named where it is something else.
    ///
    /// # Errors
    ///
    /// `bytes` are no safetensors file, hold a tensor that is neither f32 nor u64, or are not what was written.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self, TrainerError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|source| TrainerError::TensorFile { path: path.to_owned(), source })?;
        let tensors = file.iter().map(|(name, tensor)| {
            let data = tensor.data();
            let values = match tensor.dtype() {
                Dtype::F32 => Values::F32(data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
                Dtype::U64 => Values::U64(data.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect()),
                other => {
                    let (expected, got) = ("f32 or u64".to_owned(), format!("{other}"));
                    return Err(TrainerError::Tensor { path: path.to_owned(), tensor: name.to_owned(), expected, got });
                }
            };
            Ok((name.to_owned(), values))
        });
        let state = Self(tensors.collect::<Result<_, _>>()?);
        let written = SafeTensors::read_metadata(bytes).ok().and_then(|(_, metadata)| {
            let metadata = metadata.metadata().as_ref()?;
            metadata.get(DIGEST).cloned()
        });
        let (expected, got) = (written.unwrap_or_else(|| "none".to_owned()), state.digest());
        if got == expected {
            Ok(state)
        } else {
            Err(TrainerError::StateDigest { path: path.to_owned(), expected, got })
        }
    }
}

fn refused(name: &str, expected: String, got: Option<&Values>) -> TrainerError {
    let got = match got {
        Some(Values::F32(values)) => format!("{} f32", values.len()),
        Some(Values::U64(values)) => format!("{} u64", values.len()),
        None => "none".to_owned(),
    };
    TrainerError::State { name: name.to_owned(), expected, got }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let mut inner = State::default();
        inner.set_floats("momentum/0", &[f32::NAN, -0.0, f32::INFINITY, 1.0e-42]);
        inner.set_count("iteration", u64::MAX);
        let mut state = State::default();
        state.set_floats("empty", &[]);
        state.set_part("optimizer", inner);
        let read = State::decode(Path::new("state"), &state.encode()).unwrap();
        assert_eq!(read.part("optimizer").count("iteration").unwrap(), u64::MAX);
        assert!(read.floats("empty", 0).unwrap().is_empty());
        let bits =
            |state: &State| state.floats("optimizer/momentum/0", 4).unwrap().iter().map(|v| v.to_bits()).collect();
        let (before, after): (Vec<_>, Vec<_>) = (bits(&state), bits(&read));
        assert_eq!(before, after);
    }

    #[test]
    fn a_part_is_what_lies_below_its_name() {
        let mut state = State::default();
        state.set_count("head/count", 1);
        state.set_count("header/count", 2);
        assert_eq!(state.part("head").tensors().count(), 1);
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let mut state = State::default();
        state.set_floats("kernel", &[1.0, 2.0]);
        let mut bytes = state.encode();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let error = State::decode(Path::new("x.safetensors"), &bytes).unwrap_err().to_string();
        assert!(error.starts_with("x.safetensors: damaged"), "{error}");
        bytes.truncate(last);
        assert!(State::decode(Path::new("x.safetensors"), &bytes).is_err());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut state = State::default();
        state.set_floats("average/0", &[1.0, 2.0]);
        let error = state.floats("average/0", 3).unwrap_err().to_string();
        assert_eq!(error, "the saved state's average/0: expected 3 f32, got 2 f32");
        assert_eq!(state.count("n").unwrap_err().to_string(), "the saved state's n: expected 1 u64, got none");
        assert!(State::decode(Path::new("x.safetensors"), b"no").unwrap_err().to_string().contains("x.safetensors"));
    }
}
