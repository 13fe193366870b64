//! What is known of each sample besides its file.

/// The targets of an index, one of each sample in index order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Targets {
    /// Files only.
    None,
    /// One class each.
    Classes(Vec<u32>),
    /// Any number of classes each.
    MultiHot(ClassLists),
    /// Numbers.
    Values(Values),
    /// Several targets each.
    MultiOutput(Vec<Output>),
}

/// Lists of classes, end to end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClassLists {
    ends: Vec<usize>,
    classes: Vec<u32>,
}

/// A row of `width` numbers a sample: what Keras calls raw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values {
    /// Numbers a sample.
    pub(crate) width: usize,
    /// `[samples, width]`.
    pub(crate) data: Vec<f32>,
}

/// One column of a `multi_output` table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// The column's name.
    pub(crate) name: String,
    /// Names of the classes, where the column holds text.
    pub(crate) classes: Vec<String>,
    /// [`Targets::Classes`] or [`Targets::Values`].
    pub(crate) targets: Targets,
}

impl Targets {
    /// The targets at `places`, in that order.
    pub(super) fn select(&self, places: &[usize]) -> Self {
        match self {
            Self::None => Self::None,
            Self::Classes(classes) => Self::Classes(places.iter().map(|&place| classes[place]).collect()),
            Self::MultiHot(lists) => Self::MultiHot(lists.select(places)),
            Self::Values(values) => Self::Values(values.select(places)),
            Self::MultiOutput(outputs) => Self::MultiOutput(
                outputs
                    .iter()
                    .map(|Output { name, classes, targets }| Output {
                        name: name.clone(),
                        classes: classes.clone(),
                        targets: targets.select(places),
                    })
                    .collect(),
            ),
        }
    }

    /// The classes of the sample at `place`; none where samples have no classes.
    pub(crate) fn classes_of(&self, place: usize) -> &[u32] {
        match self {
            Self::Classes(classes) => std::slice::from_ref(&classes[place]),
            Self::MultiHot(lists) => lists.get(place),
            Self::None | Self::Values(_) | Self::MultiOutput(_) => &[],
        }
    }
}

impl ClassLists {
    /// The classes of the sample at `place`.
    pub(crate) fn get(&self, place: usize) -> &[u32] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.classes[start..self.ends[place]]
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn push(&mut self, classes: impl IntoIterator<Item = u32>) {
        self.classes.extend(classes);
        self.ends.push(self.classes.len());
    }

    /// The lists at `places`.
    pub(super) fn select(&self, places: &[usize]) -> Self {
        let mut kept = Self::default();
        for &place in places {
            kept.push(self.get(place).iter().copied());
        }
        kept
    }

    /// The lists, end to end.
    pub(super) fn all(&self) -> &[u32] {
        &self.classes
    }

    pub(super) fn into_all(self) -> Vec<u32> {
        self.classes
    }
}

impl Values {
    /// The numbers of the sample at `place`.
    pub(crate) fn get(&self, place: usize) -> &[f32] {
        &self.data[place * self.width..(place + 1) * self.width]
    }

    /// The numbers of the samples at `places`.
    pub(super) fn select(&self, places: &[usize]) -> Self {
        Self { width: self.width, data: places.iter().flat_map(|&place| self.get(place)).copied().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_keeps_what_belongs_together() {
        let mut lists = ClassLists::default();
        for classes in [vec![0, 2], vec![], vec![1]] {
            lists.push(classes);
        }
        let Targets::MultiHot(kept) = Targets::MultiHot(lists).select(&[1, 2]) else { panic!() };
        assert_eq!((kept.len(), kept.get(0), kept.get(1)), (2, &[][..], &[1][..]));

        let values = Values { width: 2, data: vec![1., 2., 3., 4., 5., 6.] };
        let output = Output { name: "box".to_owned(), classes: Vec::new(), targets: Targets::Values(values) };
        let Targets::MultiOutput(kept) = Targets::MultiOutput(vec![output]).select(&[0, 2]) else { panic!() };
        assert_eq!(kept[0].targets, Targets::Values(Values { width: 2, data: vec![1., 2., 5., 6.] }));
    }
}
