//! What is measured: a corpus, and what is done to it.

use serde_json::{Value, json};

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
    /// Large photos may be decoded at a fraction of their size: by us, and by the limit. Others do as they do.
    pub(super) scaled: bool,
}

/// The kinds of rows that `--only` knows.
pub(super) const KINDS: [&str; 4] = ["nearest", "bilinear", "scaled", "augmented"];
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
    /// The rows of a corpus. Large photos take their time to decode, which augmentation does not change; small ones
    /// are never decoded at a fraction of their size.
    pub(super) fn of(corpus: &Corpus) -> Vec<Row> {
        let row = |interpolation, scaled, augmented| Row { corpus: corpus.clone(), interpolation, augmented, scaled };
        let mut rows = vec![row(Interpolation::Nearest, false, false), row(Interpolation::Bilinear, false, false)];
        if !["web", "small"].contains(&corpus.name.as_str()) {
            rows.push(row(Interpolation::Bilinear, true, false));
        }
        if corpus.name != "phone" {
            rows.push(row(Interpolation::Nearest, false, true));
        }
        rows
    }

    /// One of [`KINDS`].
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Row { augmented: true, .. } => "augmented",
            Row { scaled: true, .. } => "scaled",
            _ => self.interpolation.name(),
        }
    }

    /// Whether the loader `peer` does the same work.
    pub(super) fn is_for(&self, peer: &str) -> bool {
        !self.augmented || AUGMENTING.contains(&peer)
    }

    /// Whether other loaders do the same in both rows.
    pub(super) fn is_another_way_of(&self, other: &Row) -> bool {
        let same = |row: &Row| (row.corpus.clone(), row.interpolation, row.augmented);
        same(self) == same(other)
    }

    /// As a loader is told.
    pub(super) fn job(&self, threads: u16) -> Value {
        json!({
            "data": self.corpus.folder,
            "interpolation": self.interpolation.name(),
            "decode": if self.scaled { "scaled" } else { "exact" },
            "augment": self.augmented,
            "size": super::SIZE,
            "batch": super::BATCH,
            "threads": threads,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn row(name: &str, augmented: bool) -> Row {
        let corpus = Corpus { name: name.to_owned(), folder: name.into() };
        Row { corpus, interpolation: Interpolation::Nearest, augmented, scaled: false }
    }

    #[test]
    fn augmented_rows_are_for_those_that_augment() {
        assert!(row("web", true).is_for("keras") && !row("web", true).is_for("opencv"));
        assert!(row("web", false).is_for("opencv"));
    }

    #[test]
    fn a_corpus_has_the_rows_that_make_a_difference() {
        let kinds = |name: &str| Row::of(&row(name, false).corpus).iter().map(Row::kind).collect::<Vec<_>>();
        assert_eq!(kinds("web"), ["nearest", "bilinear", "augmented"]);
        assert_eq!(kinds("phone"), ["nearest", "bilinear", "scaled"]);
        assert_eq!(kinds("my-photos"), KINDS);
    }

    #[test]
    fn scaled_is_another_way_of_bilinear() {
        let rows = Row::of(&row("phone", false).corpus);
        assert!(rows[2].is_another_way_of(&rows[1]) && !rows[1].is_another_way_of(&rows[0]));
        assert_eq!(rows[2].job(2)["decode"], "scaled");
    }
}
