//! Photos named in a table, by the rules of Keras' `flow_from_dataframe`.

mod builder;
mod cell;
mod csv;
#[cfg(feature = "parquet")]
mod parquet;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use self::builder::Builder;
use self::cell::{At, Cell};
use super::class_mode::ClassMode;
use super::directory::check_folder;
use super::index::{Index, InvalidFiles, Origin};
use super::names::is_image_name;
use super::parallel;
use super::split::{Split, Subset};
use super::walk::unlisted;
use crate::error::LoaderError;

/// What a Parquet file begins with.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Names of invalid files that are told.
const INVALID_TOLD: usize = 5;

/// How a table is indexed. The defaults are those of Keras' `flow_from_dataframe`, but for `directory` and
/// `strict`.
///
/// In CSV every field is text: `7` is a class where classes are asked for, and a number where numbers are. The
/// columns of a Parquet file have types: there a class is text, or a list of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOptions {
    /// The folder that the names in the table are relative to; a name may also be absolute. Default `None`: the
    /// folder that the table is in.
    pub directory: Option<PathBuf>,
    /// The column of the file names. Default `filename`.
    pub x_col: String,
    /// The columns of the targets: one where the class mode has classes, any number where it is
    /// [`ClassMode::Raw`] or [`ClassMode::MultiOutput`], not looked at otherwise. Default `class`.
    pub y_col: Vec<String>,
    /// The column of the samples' weights. Default `None`.
    pub weight_col: Option<String>,
    /// What batches hold of the targets. Default [`ClassMode::Categorical`].
    pub class_mode: ClassMode,
    /// Class names in label order; rows of other classes are left out. Default `None` (as an empty list): all,
    /// in the order of their code points.
    pub classes: Option<Vec<String>>,
    /// What separates fields of a CSV file, an ASCII character. Default `,`.
    pub delimiter: char,
    /// What separates several classes in one field of a CSV file, such as `|`; an empty field is then a sample
    /// of no class. [`ClassMode::Categorical`] only. Default `None`: one class a field.
    pub list_separator: Option<char>,
    /// Whether to leave out rows whose file is not there, or has no name of an image. Default `true`.
    pub validate_filenames: bool,
    /// Whether to refuse what Keras lets pass: a table that names a file twice, and [`ClassMode::Binary`] where
    /// the rows that are left have one class. Default `true`.
    pub strict: bool,
    /// How samples are split, where `subset` is set. Default `None`.
    pub split: Option<Split>,
    /// The side of the split to index. Default `None`: all samples.
    pub subset: Option<Subset>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            directory: None,
            x_col: "filename".to_owned(),
            y_col: vec!["class".to_owned()],
            weight_col: None,
            class_mode: ClassMode::default(),
            classes: None,
            delimiter: ',',
            list_separator: None,
            validate_filenames: true,
            strict: true,
            split: None,
            subset: None,
        }
    }
}

impl TableOptions {
    /// The columns that are read: names, targets, weights.
    fn columns(&self) -> Vec<&str> {
        let targets = match self.class_mode {
            ClassMode::Input | ClassMode::None => &[][..],
            _ => &self.y_col[..],
        };
        let targets = targets.iter().map(String::as_str);
        std::iter::once(self.x_col.as_str()).chain(targets).chain(self.weight_col.as_deref()).collect()
    }

    fn given_classes(&self) -> Option<&[String]> {
        self.classes.as_deref().filter(|classes| !classes.is_empty())
    }

    fn check(&self) -> Result<(), LoaderError> {
        use crate::flow::check;
        let (columns, mode) = (self.y_col.len(), self.class_mode);
        check(!mode.has_classes() || columns == 1, "y_col", "one column where samples have classes", columns)?;
        let has_columns = matches!(mode, ClassMode::Raw | ClassMode::MultiOutput);
        check(!has_columns || columns > 0, "y_col", "at least one column", columns)?;
        check(
            mode.has_classes() || self.given_classes().is_none(),
            "classes",
            "none where the class mode is not categorical, binary or sparse",
            mode,
        )?;
        let lists = mode == ClassMode::Categorical || self.list_separator.is_none();
        check(lists, "list_separator", "none where the class mode is not categorical", mode)?;
        check(self.delimiter.is_ascii(), "delimiter", "an ASCII character", self.delimiter)
    }
}

impl Index {
    /// The rows of a CSV file with a header, or of a Parquet file, whichever it is by its content. Their order
    /// is kept.
    ///
    /// # Errors
    ///
    /// The table cannot be read, lacks a column, or has a field that cannot be used; no row names an image, or
    /// none is on the side asked for; an option has a value that it cannot have.
    pub(crate) fn from_table(table: &Path, options: &TableOptions) -> Result<Self, LoaderError> {
        options.check()?;
        let root = match &options.directory {
            Some(directory) => {
                check_folder(directory)?;
                directory.as_path()
            }
            // A bare name has an empty parent, which no system call takes for the folder that it is in.
            None => table.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        };
        let origin = Origin::Table { validated: options.validate_filenames };
        let mut index = Self::new(root, options.class_mode, origin);
        let mut builder = Builder::new(options);
        read(table, options, &mut |at, cells| builder.push(at, cells))?;
        builder.check_binary(table)?;
        if options.validate_filenames {
            let names = builder.files();
            let valid = parallel::try_map(names.len(), |row| {
                let path = root.join(&names[row]);
                Ok(is_image_name(path.as_os_str()) && fs::metadata(path).is_ok_and(|metadata| metadata.is_file()))
            })?;
            let invalid: Vec<usize> = (0..valid.len()).filter(|&row| !valid[row]).collect();
            index.invalid = InvalidFiles {
                count: invalid.len(),
                first: invalid.iter().take(INVALID_TOLD).map(|&row| names[row].to_path_buf()).collect(),
                column: options.x_col.clone(),
            };
            if !names.is_empty() && invalid.len() == names.len() {
                return Err(LoaderError::NoValidFiles {
                    table: table.to_owned(),
                    directory: index.root,
                    column: options.x_col.clone(),
                    first: index.invalid.first.into_iter().next(),
                });
            }
            builder.keep(&(0..valid.len()).filter(|&row| valid[row]).collect::<Vec<_>>());
        }
        builder.finish(table, &mut index)?;
        index.subset(options.split.as_ref(), options.subset)
    }
}

/// What takes the rows of a table: where one is, and its cells in the order of [`TableOptions::columns`].
type Rows<'a> = dyn FnMut(At<'_>, Vec<Cell>) -> Result<(), LoaderError> + 'a;

fn read(table: &Path, options: &TableOptions, rows: &mut Rows<'_>) -> Result<(), LoaderError> {
    let unread = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => LoaderError::MissingTable { path: table.to_owned() },
        _ => unlisted(table, error),
    };
    let mut file = BufReader::new(File::open(table).map_err(unread)?);
    if file.fill_buf().map_err(unread)?.starts_with(PARQUET_MAGIC) {
        #[cfg(feature = "parquet")]
        return parquet::read(table, file.into_inner(), &options.columns(), rows);
        #[cfg(not(feature = "parquet"))]
        return Err(LoaderError::NoParquet { path: table.to_owned() });
    }
    csv::read(table, file, options, rows)
}

/// Where each of `columns` is among `existing`.
fn locate(table: &Path, columns: &[&str], existing: &[&str]) -> Result<Vec<usize>, LoaderError> {
    let missing = |column: &str| LoaderError::MissingColumn {
        path: table.to_owned(),
        column: column.to_owned(),
        existing: existing.iter().map(|&name| name.to_owned()).collect(),
    };
    columns
        .iter()
        .map(|&column| {
            let mut places = existing.iter().enumerate().filter(|&(_, &name)| name == column).map(|(place, _)| place);
            let place = places.next().ok_or_else(|| missing(column))?;
            match places.next() {
                None => Ok(place),
                Some(_) => Err(LoaderError::TableField {
                    path: table.to_owned(),
                    place: "header".to_owned(),
                    column: column.to_owned(),
                    problem: "more than one column has this name".to_owned(),
                }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
