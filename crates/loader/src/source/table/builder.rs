//! Rows of a table on their way to an index.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::TableOptions;
use super::cell::{At, Cell};
use crate::error::LoaderError;
use crate::source::class_mode::ClassMode;
use crate::source::index::{Index, take};
use crate::source::targets::{ClassLists, Output, Targets, Values};

/// The rows so far, column by column.
pub(super) struct Builder<'a> {
    options: &'a TableOptions,
    files: Vec<Box<Path>>,
    /// Where each row is, for messages.
    numbers: Vec<u64>,
    unit: &'static str,
    targets: Column,
    weights: Option<Vec<f32>>,
}

/// What the target columns become.
enum Column {
    None,
    Classes { labels: Labels, lists: ClassLists, any_list: bool },
    Values(Values),
    Outputs(Vec<OutputColumn>),
}

/// One column of several. What is in its first row decides whether it holds numbers or classes.
enum OutputColumn {
    Empty,
    Classes { labels: Labels, classes: Vec<u32> },
    Values(Values),
}

/// Names of classes, numbered as they come.
#[derive(Default)]
struct Labels {
    numbers: HashMap<String, u32>,
}

impl Labels {
    fn number(&mut self, name: String) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(name).or_insert(next)
    }

    /// The names in label order, and the label of each number: those of `given`, or else those of `used`
    /// numbers in the order of their names.
    fn order(self, given: Option<&[String]>, used: &[u32]) -> (Vec<String>, Vec<Option<u32>>) {
        let mut places = vec![None; self.numbers.len()];
        let names = match given {
            Some(given) => {
                let mut names: Vec<String> = Vec::with_capacity(given.len());
                for name in given {
                    if !names.contains(name) {
                        names.push(name.clone());
                    }
                }
                names
            }
            None => {
                let mut is_used = vec![false; self.numbers.len()];
                used.iter().for_each(|&number| is_used[number as usize] = true);
                let used = self.numbers.iter().filter(|&(_, &number)| is_used[number as usize]);
                let mut names: Vec<String> = used.map(|(name, _)| name.clone()).collect();
                names.sort_unstable();
                names
            }
        };
        for (name, label) in names.iter().zip(0..) {
            if let Some(&number) = self.numbers.get(name) {
                places[number as usize] = Some(label);
            }
        }
        (names, places)
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(options: &'a TableOptions) -> Self {
        let targets = match options.class_mode {
            ClassMode::Input | ClassMode::None => Column::None,
            ClassMode::Raw => Column::Values(Values { width: options.y_col.len(), data: Vec::new() }),
            ClassMode::MultiOutput => Column::Outputs(options.y_col.iter().map(|_| OutputColumn::Empty).collect()),
            ClassMode::Categorical | ClassMode::Binary | ClassMode::Sparse => {
                Column::Classes { labels: Labels::default(), lists: ClassLists::default(), any_list: false }
            }
        };
        let weights = options.weight_col.is_some().then(Vec::new);
        Self { options, files: Vec::new(), numbers: Vec::new(), unit: "row", targets, weights }
    }

    /// Takes the cells of a row: name, targets, weight.
    pub(super) fn push(&mut self, at: At<'_>, cells: Vec<Cell>) -> Result<(), LoaderError> {
        let options = self.options;
        let mut cells = cells.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Missing);
        let name = at.text(&options.x_col, "file name", next())?;
        self.files.push(PathBuf::from(name).into_boxed_path());
        self.numbers.push(at.number);
        self.unit = at.unit;
        let columns = options.y_col.iter();
        match &mut self.targets {
            Column::None => {}
            Column::Classes { labels, lists, any_list } => {
                let column = options.y_col.first().map_or("", String::as_str);
                match next() {
                    Cell::List(cells) if options.class_mode == ClassMode::Categorical => {
                        *any_list = true;
                        let mut classes = Vec::with_capacity(cells.len());
                        for cell in cells {
                            classes.push(labels.number(at.text(column, "class name", cell)?));
                        }
                        lists.push(classes);
                    }
                    cell => lists.push([labels.number(at.text(column, "class name", cell)?)]),
                }
            }
            Column::Values(values) => {
                for column in columns {
                    values.data.push(at.number(column, "value", &next())?);
                }
            }
            Column::Outputs(outputs) => {
                for (column, output) in columns.zip(outputs) {
                    output.push(at, column, next())?;
                }
            }
        }
        if let (Some(weights), Some(column)) = (&mut self.weights, &options.weight_col) {
            weights.push(at.number(column, "weight", &next())?);
        }
        Ok(())
    }

    /// As Keras, before any row is left out.
    pub(super) fn check_binary(&self, table: &Path) -> Result<(), LoaderError> {
        match &self.targets {
            Column::Classes { labels, .. } if self.options.given_classes().is_none() => {
                self.check_binary_count(table, labels.numbers.len())
            }
            _ => Ok(()),
        }
    }

    fn check_binary_count(&self, table: &Path, classes: usize) -> Result<(), LoaderError> {
        if self.options.class_mode == ClassMode::Binary && classes != 2 {
            return Err(LoaderError::BinaryClasses { path: table.to_owned(), classes });
        }
        Ok(())
    }

    /// The names of the files, row by row.
    pub(super) fn files(&self) -> &[Box<Path>] {
        &self.files
    }

    /// Keeps only `rows`, which are in ascending order.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        if rows.len() == self.files.len() {
            return;
        }
        self.files = rows.iter().map(|&row| take(&mut self.files[row])).collect();
        self.numbers = rows.iter().map(|&row| self.numbers[row]).collect();
        self.weights = self.weights.take().map(|weights| rows.iter().map(|&row| weights[row]).collect());
        match &mut self.targets {
            Column::None => {}
            Column::Classes { lists, .. } => *lists = lists.select(rows),
            Column::Values(values) => *values = values.select(rows),
            Column::Outputs(outputs) => outputs.iter_mut().for_each(|output| output.keep(rows)),
        }
    }

    /// Numbers the classes, leaves out rows of others, and moves all into `index`.
    pub(super) fn finish(mut self, table: &Path, index: &mut Index) -> Result<(), LoaderError> {
        let given = self.options.given_classes();
        index.targets = match std::mem::replace(&mut self.targets, Column::None) {
            Column::None => Targets::None,
            Column::Values(values) => Targets::Values(values),
            Column::Outputs(outputs) => {
                let outputs = self.options.y_col.iter().zip(outputs);
                Targets::MultiOutput(outputs.map(|(name, output)| output.finish(name)).collect())
            }
            Column::Classes { labels, lists, any_list } => {
                let (names, places) = labels.order(given, lists.all());
                if self.options.strict || given.is_some() {
                    self.check_binary_count(table, names.len())?;
                }
                index.classes = names;
                let (mut kept, mut rows) = (ClassLists::default(), Vec::with_capacity(lists.len()));
                for row in 0..lists.len() {
                    let classes = lists.get(row).iter().filter_map(|&number| places[number as usize]);
                    if given.is_none() || classes.clone().next().is_some() {
                        kept.push(classes);
                        rows.push(row);
                    }
                }
                self.keep(&rows);
                if any_list { Targets::MultiHot(kept) } else { Targets::Classes(kept.into_all()) }
            }
        };
        if self.files.is_empty() {
            return Err(LoaderError::NoRows { path: table.to_owned(), classes: given.unwrap_or_default().to_vec() });
        }
        if self.options.strict {
            self.check_duplicates(table)?;
        }
        index.files = self.files;
        index.weights = self.weights;
        Ok(())
    }

    fn check_duplicates(&self, table: &Path) -> Result<(), LoaderError> {
        let mut first = HashMap::with_capacity(self.files.len());
        for (file, &number) in self.files.iter().zip(&self.numbers) {
            if let Some(before) = first.insert(file, number) {
                let at = At { table, unit: self.unit, number };
                let problem = format!("`{}` is in {} {before} already", file.display(), self.unit);
                return Err(at.error(&self.options.x_col, problem));
            }
        }
        Ok(())
    }
}

impl OutputColumn {
    fn push(&mut self, at: At<'_>, column: &str, cell: Cell) -> Result<(), LoaderError> {
        if matches!(self, Self::Empty) {
            *self = match &cell {
                Cell::List(cells) => Self::Values(Values { width: cells.len(), data: Vec::new() }),
                cell if cell.as_number().is_some() => Self::Values(Values { width: 1, data: Vec::new() }),
                _ => Self::Classes { labels: Labels::default(), classes: Vec::new() },
            };
        }
        match self {
            Self::Empty => {}
            Self::Classes { labels, classes } => classes.push(labels.number(at.text(column, "class name", cell)?)),
            Self::Values(values) => {
                let cells = match cell {
                    Cell::List(cells) => cells,
                    cell => vec![cell],
                };
                if cells.len() != values.width {
                    let problem = format!("{} numbers, where the first row has {}", cells.len(), values.width);
                    return Err(at.error(column, problem));
                }
                for cell in &cells {
                    values.data.push(at.number(column, "value", cell)?);
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, rows: &[usize]) {
        match self {
            Self::Empty => {}
            Self::Classes { classes, .. } => *classes = rows.iter().map(|&row| classes[row]).collect(),
            Self::Values(values) => *values = values.select(rows),
        }
    }

    fn finish(self, name: &str) -> Output {
        let (classes, targets) = match self {
            Self::Empty => (Vec::new(), Targets::None),
            Self::Values(values) => (Vec::new(), Targets::Values(values)),
            Self::Classes { labels, mut classes } => {
                let (names, places) = labels.order(None, &classes);
                classes.iter_mut().for_each(|class| *class = places[*class as usize].unwrap_or_default());
                (names, Targets::Classes(classes))
            }
        };
        Output { name: name.to_owned(), classes, targets }
    }
}
