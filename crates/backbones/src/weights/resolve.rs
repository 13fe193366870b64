//! Finds each weight of an architecture among the tensors of a file, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Layout;
use super::container::{Container, Entry};
use super::names::{self, Found, NameTable};
use super::values::Values;
use crate::architecture::Architecture;
use crate::error::BackboneError;
use crate::layers::{TensorSpec, Variable};

/// The tensors of an architecture, in the order of [`Graph::tensors`](crate::layers::Graph::tensors).
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) layout: Layout,
    pub(super) values: Vec<Values>,
}

/// Detects the layout of a file and reads every tensor of `architecture` from it.
pub(super) fn resolve(
    architecture: Architecture,
    container: &dyn Container,
    path: &Path,
) -> Result<Resolved, BackboneError> {
    let entries = container.entries();
    let labelled: Vec<Labelled<'_>> = entries.iter().map(Labelled::new).collect();
    let table = detect(architecture, &labelled, path)?;
    let specs = architecture.graph().tensors();
    let places = assign(&table, &specs, entries, &labelled, path)?;

    for (spec, &place) in specs.iter().zip(&places) {
        let entry = &entries[place];
        if entry.shape != spec.shape {
            return Err(BackboneError::TensorShape {
                path: path.to_owned(),
                tensor: entry.path(),
                expected: spec.shape.clone(),
                got: entry.shape.clone(),
            });
        }
    }
    let mut values = Vec::with_capacity(specs.len());
    for (spec, &place) in specs.iter().zip(&places) {
        let tensor = container.read(place)?;
        check(spec, &tensor, &entries[place], path)?;
        values.push(tensor.into());
    }
    Ok(Resolved { layout: table.layout, values })
}

/// An entry's name taken apart.
struct Labelled<'a> {
    /// Names that may be the layer's, the likeliest first.
    layers: Vec<&'a str>,
    variable: Option<Variable>,
}

impl<'a> Labelled<'a> {
    /// Splits `group` + `block1_conv1/kernel:0`, `group` + `conv1_W_1:0` or `model/conv1/kernel`.
    ///
    /// The group comes first: Keras 2 renames the tensor, not the layer, when a model is built twice
    /// (group `conv1`, tensor `conv1_1/kernel:0`). A model inside a model has the outer one's group and the layer in
    /// the tensor's path.
    fn new(entry: &'a Entry) -> Self {
        let name = entry.name.split(':').next().unwrap_or_default();
        let mut parts = name.rsplit('/');
        let last = parts.next().unwrap_or_default();
        let mut layers = vec![entry.group.as_str()];
        layers.extend(parts);
        let own = entry.group.rsplit('/').next().unwrap_or_default();
        let text = last.strip_prefix(own).and_then(|rest| rest.strip_prefix('_')).unwrap_or(last);
        Self { layers, variable: names::variable(text).or_else(|| names::variable(last)) }
    }

    fn find(&self, table: &NameTable) -> Option<Found> {
        self.layers.iter().find_map(|label| table.find(label))
    }

    fn is_top(&self) -> bool {
        self.layers.iter().any(|label| names::is_top(label))
    }
}

/// Chooses the table that knows the most of the file's tensors.
fn detect(architecture: Architecture, labelled: &[Labelled<'_>], path: &Path) -> Result<NameTable, BackboneError> {
    let score = |table: &NameTable| {
        labelled.iter().filter(|l| l.variable.is_some() && !l.is_top() && l.find(table).is_some()).count()
    };
    let mut scored: Vec<(usize, NameTable)> = NameTable::all().into_iter().map(|t| (score(&t), t)).collect();
    // The architecture asked for wins a tie.
    scored.sort_by_key(|(score, table)| (*score, table.architecture == architecture));
    match scored.pop() {
        Some((score, table)) if score > 0 && table.architecture == architecture => Ok(table),
        Some((score, table)) if score > 0 => Err(BackboneError::OtherArchitecture {
            path: path.to_owned(),
            expected: architecture,
            found: table.architecture,
        }),
        _ => {
            let known = Architecture::ALL.map(Architecture::name).join(" or ");
            let seen: BTreeSet<&str> = labelled.iter().filter_map(|l| l.layers.first().copied()).collect();
            let seen: Vec<String> = seen.into_iter().take(4).map(|l| format!("`{l}`")).collect();
            let reason = if seen.is_empty() {
                "it lists no tensors".to_owned()
            } else {
                format!("none of its layers ({}, ...) is of {known}", seen.join(", "))
            };
            Err(BackboneError::NotWeights { path: path.to_owned(), reason })
        }
    }
}

/// Gives each spec the index of its entry.
fn assign(
    table: &NameTable,
    specs: &[TensorSpec],
    entries: &[Entry],
    labelled: &[Labelled<'_>],
    path: &Path,
) -> Result<Vec<usize>, BackboneError> {
    let by_name: BTreeMap<&str, usize> = specs.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    let found: Vec<Option<Found>> = labelled.iter().map(|l| l.find(table)).collect();
    let numbers = found
        .iter()
        .filter_map(|f| match f {
            Some(Found::Numbered { kind, number }) => Some((*kind, *number)),
            _ => None,
        })
        .collect();
    let settled = table.settle(&numbers);

    let mut places: Vec<Option<usize>> = vec![None; specs.len()];
    let mut extra = None;
    for (index, (entry, found)) in entries.iter().zip(found).enumerate() {
        let layer = match found {
            Some(Found::Layer(layer)) => Some(layer),
            Some(Found::Numbered { kind, number }) => settled.get(&(kind, number)).cloned().flatten(),
            None if labelled[index].is_top() => continue,
            None => None,
        };
        let spec = layer
            .zip(labelled[index].variable)
            .and_then(|(layer, variable)| by_name.get(format!("{layer}/{}", variable.name()).as_str()).copied());
        let Some(spec) = spec else {
            extra.get_or_insert(index);
            continue;
        };
        if let Some(first) = places[spec].replace(index) {
            return Err(BackboneError::DuplicateTensor {
                path: path.to_owned(),
                tensor: specs[spec].name.clone(),
                first: entries[first].path(),
                second: entry.path(),
            });
        }
    }

    let missing = places.iter().filter(|p| p.is_none()).count();
    let mut all = Vec::with_capacity(places.len());
    for (spec, place) in specs.iter().zip(places) {
        let Some(place) = place else {
            let layer = spec.name.split('/').next().unwrap_or_default();
            return Err(BackboneError::MissingTensor {
                path: path.to_owned(),
                tensor: table.dataset(layer, spec.variable),
                missing,
                total: specs.len(),
            });
        };
        all.push(place);
    }
    match extra {
        Some(index) => Err(BackboneError::ExtraTensor {
            path: path.to_owned(),
            tensor: entries[index].path(),
            architecture: table.architecture,
        }),
        None => Ok(all),
    }
}

fn check(spec: &TensorSpec, values: &[f32], entry: &Entry, path: &Path) -> Result<(), BackboneError> {
    let refuse = |index: usize, value: f32, reason| {
        Err(BackboneError::TensorValue { path: path.to_owned(), tensor: entry.path(), index, value, reason })
    };
    if values.len() != spec.len() {
        return Err(BackboneError::TensorShape {
            path: path.to_owned(),
            tensor: entry.path(),
            expected: spec.shape.clone(),
            got: vec![values.len()],
        });
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return refuse(index, values[index], "weights are finite numbers: the file is damaged or training diverged");
    }
    if spec.variable == Variable::MovingVariance
        && let Some(index) = values.iter().position(|v| *v < 0.0)
    {
        return refuse(index, values[index], "a variance is not negative");
    }
    Ok(())
}
