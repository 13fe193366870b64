//! What files call the layers, and how that maps to the canonical names.

use std::collections::{BTreeMap, BTreeSet};

use super::Layout;
use crate::architecture::Architecture;
use crate::layers::Variable;

/// The layer names of one layout of one architecture.
#[derive(Debug)]
pub(super) struct NameTable {
    pub(super) architecture: Architecture,
    pub(super) layout: Layout,
    /// Name in the file -> canonical name.
    fixed: BTreeMap<String, String>,
    numbered: Vec<Numbered>,
}

/// Layers that Keras numbers, because the model's code gives them no name.
///
/// The numbers tell the order of creation but not where counting starts, which depends on what else was built in the
/// session: `conv2d`, `conv2d_1`, ... in a fresh one of Keras 2 or 3, `conv2d_1`, ... in early Keras 2.
#[derive(Debug)]
struct Numbered {
    kind: &'static str,
    /// Number of the first one in a fresh session.
    first: usize,
    /// Canonical names in order of creation.
    layers: Vec<String>,
}

/// A layer found in a [`NameTable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The canonical name.
    Layer(String),
    /// Numbered layer `number` of kind `kind`; [`NameTable::settle`] turns the number into a name.
    Numbered { kind: usize, number: usize },
}

impl NameTable {
    /// Every table.
    pub(super) fn all() -> Vec<Self> {
        let mut tables = Vec::new();
        for architecture in Architecture::ALL {
            for layout in [Layout::Modern, Layout::Legacy] {
                tables.push(Self::new(architecture, layout));
            }
        }
        tables
    }

    pub(super) fn new(architecture: Architecture, layout: Layout) -> Self {
        let (fixed, numbered) = match (architecture, layout) {
            (Architecture::ResNet50, Layout::Legacy) => (resnet50_v02(), Vec::new()),
            (Architecture::Xception, Layout::Legacy) => (BTreeMap::new(), xception_v04()),
            _ => modern(architecture),
        };
        Self { architecture, layout, fixed, numbered }
    }

    /// Looks a name up as the file spells it.
    pub(super) fn find(&self, label: &str) -> Option<Found> {
        if let Some(canonical) = self.fixed.get(label) {
            return Some(Found::Layer(canonical.clone()));
        }
        self.numbered.iter().enumerate().find_map(|(kind, numbered)| {
            let number = number_of(label, numbered.kind)?;
            Some(Found::Numbered { kind, number })
        })
    }

    /// Gives the numbered layers of a file their canonical names; `None` stands for one too many.
    ///
    /// Numbers within the range of a fresh session are taken as they are, so that a gap is found as a gap.
    /// Otherwise the smallest number is the first layer, or, where there are as many as there should be, rank decides.
    pub(super) fn settle(&self, found: &BTreeSet<(usize, usize)>) -> BTreeMap<(usize, usize), Option<String>> {
        let mut names = BTreeMap::new();
        for (kind, numbered) in self.numbered.iter().enumerate() {
            let numbers: Vec<usize> = found.iter().filter(|(k, _)| *k == kind).map(|(_, n)| *n).collect();
            let count = numbered.layers.len();
            let fresh = numbered.first..numbered.first + count;
            let is_fresh = numbers.iter().all(|n| fresh.contains(n));
            for (rank, &number) in numbers.iter().enumerate() {
                let index = if is_fresh {
                    number - numbered.first
                } else if numbers.len() == count {
                    rank
                } else {
                    number - numbers[0]
                };
                names.insert((kind, number), numbered.layers.get(index).cloned());
            }
        }
        names
    }

    /// The name that a fresh session gives the canonical `layer` in this layout.
    pub(super) fn label(&self, layer: &str) -> String {
        if let Some((label, _)) = self.fixed.iter().find(|(_, canonical)| *canonical == layer) {
            return label.clone();
        }
        for numbered in &self.numbered {
            if let Some(index) = numbered.layers.iter().position(|l| l == layer) {
                return match numbered.first + index {
                    0 => numbered.kind.to_owned(),
                    n => format!("{}_{n}", numbered.kind),
                };
            }
        }
        layer.to_owned()
    }

    /// The dataset that holds `variable` of the canonical `layer`, as the published files of this layout spell it.
    pub(super) fn dataset(&self, layer: &str, variable: Variable) -> String {
        let label = self.label(layer);
        match (self.layout, self.architecture) {
            (Layout::Legacy, Architecture::ResNet50) => format!("{label}_{}_1:0", legacy_variable(variable)),
            (Layout::Legacy, _) => format!("{label}_{}:0", legacy_variable(variable)),
            _ => format!("{label}/{}:0", variable.name()),
        }
    }
}

/// Whether a layer of this name is a classification top, which these backbones do without: `probs` and `predictions`
/// of the modern files, `fc1000` and `dense_2` of the old ones, the `dense` heads of models saved whole.
pub(super) fn is_top(label: &str) -> bool {
    matches!(label, "probs" | "predictions" | "fc1000") || number_of(label, "dense").is_some()
}

/// The variable that the last part of a tensor's name stands for, in any of the layouts.
///
/// `running_std` is Keras 1's name and holds the variance. A trailing number (`W_1`) has no meaning.
pub(super) fn variable(text: &str) -> Option<Variable> {
    let known = |text: &str| {
        Some(match text {
            "kernel" | "W" => Variable::Kernel,
            "bias" | "b" => Variable::Bias,
            "depthwise_kernel" => Variable::DepthwiseKernel,
            "pointwise_kernel" => Variable::PointwiseKernel,
            "gamma" => Variable::Gamma,
            "beta" => Variable::Beta,
            "moving_mean" | "running_mean" => Variable::MovingMean,
            "moving_variance" | "running_std" => Variable::MovingVariance,
            _ => return None,
        })
    };
    known(text).or_else(|| {
        let (stem, number) = text.rsplit_once('_')?;
        is_number(number).then(|| known(stem))?
    })
}

fn legacy_variable(variable: Variable) -> &'static str {
    match variable {
        Variable::Kernel => "W",
        Variable::Bias => "b",
        Variable::MovingMean => "running_mean",
        Variable::MovingVariance => "running_std",
        other => other.name(),
    }
}

/// `conv2d` -> 0, `conv2d_12` -> 12.
fn number_of(label: &str, kind: &str) -> Option<usize> {
    let rest = label.strip_prefix(kind)?;
    if rest.is_empty() {
        return Some(0);
    }
    rest.strip_prefix('_').filter(|n| is_number(n)).and_then(|n| n.parse().ok())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit())
}

fn modern(architecture: Architecture) -> (BTreeMap<String, String>, Vec<Numbered>) {
    let mut numbered: Vec<Numbered> =
        ["conv2d", "batch_normalization"].map(|kind| Numbered { kind, first: 0, layers: Vec::new() }).into();
    let mut fixed = BTreeMap::new();
    for layer in architecture.graph().layers().iter().filter(|l| l.parameters() > 0) {
        match numbered.iter_mut().find(|n| number_of(&layer.name, n.kind).is_some()) {
            Some(kind) => kind.layers.push(layer.name.clone()),
            None => _ = fixed.insert(layer.name.clone(), layer.name.clone()),
        }
    }
    numbered.retain(|n| !n.layers.is_empty());
    (fixed, numbered)
}

/// The v0.2 file of deep-learning-models: `res2a_branch2a`, `bn2a_branch2a`, ..., shortcuts `branch1`.
fn resnet50_v02() -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for layer in Architecture::ResNet50.graph().layers().iter().filter(|l| l.parameters() > 0) {
        let parts: Vec<&str> = layer.name.split('_').collect();
        let old = match parts.as_slice() {
            ["conv1", "conv"] => "conv1".to_owned(),
            ["conv1", "bn"] => "bn_conv1".to_owned(),
            [stage, block, branch, kind] => {
                let stage = stage.trim_start_matches("conv");
                let block = match block.trim_start_matches("block") {
                    "1" => 'a',
                    "2" => 'b',
                    "3" => 'c',
                    "4" => 'd',
                    "5" => 'e',
                    _ => 'f',
                };
                let branch = match *branch {
                    "0" => "1",
                    "1" => "2a",
                    "2" => "2b",
                    _ => "2c",
                };
                let kind = if *kind == "bn" { "bn" } else { "res" };
                format!("{kind}{stage}{block}_branch{branch}")
            }
            _ => continue,
        };
        names.insert(old, layer.name.clone());
    }
    names
}

/// The v0.4 file of deep-learning-models: every layer numbered in order of creation, a block's shortcut before its
/// main path.
fn xception_v04() -> Vec<Numbered> {
    let kinds = ["convolution2d", "separableconvolution2d", "batchnormalization"];
    let [mut convolutions, mut separables, mut norms] = [const { Vec::new() }; 3];
    for conv in ["block1_conv1", "block1_conv2"] {
        convolutions.push(conv.to_owned());
        norms.push(format!("{conv}_bn"));
    }
    let mut shortcuts = ["", "_1", "_2", "_3"].into_iter();
    for block in 2..=14 {
        if matches!(block, 2..=4 | 13)
            && let Some(number) = shortcuts.next()
        {
            convolutions.push(format!("conv2d{number}"));
            norms.push(format!("batch_normalization{number}"));
        }
        for i in 1..=if matches!(block, 5..=12) { 3 } else { 2 } {
            separables.push(format!("block{block}_sepconv{i}"));
            norms.push(format!("block{block}_sepconv{i}_bn"));
        }
    }
    std::iter::zip(kinds, [convolutions, separables, norms])
        .map(|(kind, layers)| Numbered { kind, first: 1, layers })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_names_every_layer_once() {
        for table in NameTable::all() {
            let graph = table.architecture.graph();
            let layers: Vec<_> = graph.layers().iter().filter(|l| l.parameters() > 0).collect();
            let labels: BTreeSet<String> = layers.iter().map(|l| table.label(&l.name)).collect();
            assert_eq!(labels.len(), layers.len(), "{} {}", table.architecture, table.layout);
            let numbers: BTreeSet<_> = labels
                .iter()
                .filter_map(|l| match table.find(l).unwrap() {
                    Found::Numbered { kind, number } => Some((kind, number)),
                    Found::Layer(_) => None,
                })
                .collect();
            let settled = table.settle(&numbers);
            for layer in layers {
                let found = match table.find(&table.label(&layer.name)).unwrap() {
                    Found::Layer(name) => name,
                    Found::Numbered { kind, number } => settled[&(kind, number)].clone().unwrap(),
                };
                assert_eq!(found, layer.name);
            }
        }
    }

    /// Pairs read in the published files.
    #[test]
    fn old_names_are_those_of_the_published_files() {
        let resnet = NameTable::new(Architecture::ResNet50, Layout::Legacy);
        for (canonical, old) in [
            ("conv1_conv", "conv1"),
            ("conv1_bn", "bn_conv1"),
            ("conv2_block1_0_conv", "res2a_branch1"),
            ("conv2_block1_0_bn", "bn2a_branch1"),
            ("conv4_block6_2_conv", "res4f_branch2b"),
            ("conv5_block3_3_bn", "bn5c_branch2c"),
        ] {
            assert_eq!(resnet.label(canonical), old);
        }
        assert_eq!(resnet.dataset("conv1_bn", Variable::MovingVariance), "bn_conv1_running_std_1:0");
        let xception = NameTable::new(Architecture::Xception, Layout::Legacy);
        for (canonical, old) in [
            ("block1_conv2", "convolution2d_2"),
            ("conv2d", "convolution2d_3"),
            ("conv2d_3", "convolution2d_6"),
            ("block2_sepconv1", "separableconvolution2d_1"),
            ("block14_sepconv2", "separableconvolution2d_34"),
            ("batch_normalization", "batchnormalization_3"),
            ("block2_sepconv1_bn", "batchnormalization_4"),
            ("batch_normalization_3", "batchnormalization_36"),
            ("block13_sepconv1_bn", "batchnormalization_37"),
            ("block14_sepconv2_bn", "batchnormalization_40"),
        ] {
            assert_eq!(xception.label(canonical), old);
        }
        assert_eq!(xception.dataset("block1_conv1", Variable::Kernel), "convolution2d_1_W:0");
    }

    #[test]
    fn numbering_may_start_anywhere() {
        let table = NameTable::new(Architecture::Xception, Layout::Modern);
        let settle = |numbers: &[usize]| -> Vec<Option<String>> {
            let found = numbers.iter().map(|&n| (0, n)).collect();
            table.settle(&found).into_values().collect()
        };
        let names = |names: &[&str]| -> Vec<Option<String>> { names.iter().map(|n| Some((*n).to_owned())).collect() };
        let all = names(&["conv2d", "conv2d_1", "conv2d_2", "conv2d_3"]);
        assert_eq!(settle(&[0, 1, 2, 3]), all);
        assert_eq!(settle(&[1, 2, 3, 4]), all);
        assert_eq!(settle(&[54, 58, 61, 90]), all, "another model was built between");
        assert_eq!(settle(&[0, 2, 3]), names(&["conv2d", "conv2d_2", "conv2d_3"]), "a gap stays a gap");
        assert_eq!(settle(&[7, 8]), all[..2]);
        assert_eq!(settle(&[0, 1, 2, 3, 4])[4], None, "one too many");
    }

    #[test]
    fn variables_have_many_spellings() {
        assert_eq!(variable("W_1"), Some(Variable::Kernel));
        assert_eq!(variable("running_std_1"), Some(Variable::MovingVariance));
        assert_eq!(variable("kernel_12"), Some(Variable::Kernel));
        assert_eq!(variable("momentum"), None);
        assert_eq!(variable("_1"), None);
        assert!(is_top("dense_2") && is_top("dense") && is_top("probs"));
        assert!(!is_top("dense_x") && !is_top("conv1"));
    }
}
