//! What is measured: a corpus, and what is done to it.

use super::corpus::Corpus;

/// How images are resized: every loader has both, under its own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interpolation {
    Nearest,
    Bilinear,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) corpus: Corpus,
    pub(super) interpolation: Interpolation,
    pub(super) augmented: bool,
}

/// The kinds of rows that `--only` knows.
pub(super) const KINDS: [&str; 3] = ["nearest", "bilinear", "augmented"];
/// Loaders with augmentation like ours.
const AUGMENTING: [&str; 2] = ["keras", "torch"];

impl Interpolation {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Interpolation::Nearest => "nearest",
            Interpolation::Bilinear => "bilinear",
        }
    }
}

impl Row {
    /// The rows of a corpus: large photos take their time to decode, which augmentation does not change.
    pub(super) fn of(corpus: &Corpus) -> Vec<Row> {
        let row = |interpolation, augmented| Row { corpus: corpus.clone(), interpolation, augmented };
        let mut rows = vec![row(Interpolation::Nearest, false), row(Interpolation::Bilinear, false)];
        if corpus.name != "phone" {
            rows.push(row(Interpolation::Nearest, true));
        }
        rows
    }

    /// One of [`KINDS`].
    pub(super) fn kind(&self) -> &'static str {
        if self.augmented { "augmented" } else { self.interpolation.name() }
    }

    /// Whether the loader `peer` does the same work.
    pub(super) fn is_for(&self, peer: &str) -> bool {
        !self.augmented || AUGMENTING.contains(&peer)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn row(name: &str, augmented: bool) -> Row {
        let corpus = Corpus { name: name.to_owned(), folder: name.into() };
        Row { corpus, interpolation: Interpolation::Nearest, augmented }
    }

    #[test]
    fn augmented_rows_are_for_those_that_augment() {
        let kinds = |name: &str| Row::of(&row(name, false).corpus).iter().map(Row::kind).collect::<Vec<_>>();
        assert_eq!(kinds("web"), KINDS);
        assert_eq!(kinds("phone"), ["nearest", "bilinear"]);
        assert!(row("web", true).is_for("keras") && !row("web", true).is_for("opencv"));
        assert!(row("web", false).is_for("opencv"));
    }
}
