//! Where samples come from: folders by the rules of Keras' `flow_from_directory`, tables by those of its
//! `flow_from_dataframe`.

mod class_mode;
mod directory;
mod index;
mod names;
mod parallel;
mod split;
mod table;
mod targets;
mod walk;

pub use class_mode::ClassMode;
pub use directory::DirectoryOptions;
pub(crate) use index::Index;
pub use index::InvalidFiles;
pub(crate) use names::{EXTENSIONS, is_image_name};
pub use split::{Folds, GroupBy, Split, SplitReport, Subset};
pub use table::TableOptions;
pub(crate) use targets::Targets;
pub use walk::image_files;
pub(crate) use walk::{Found, every_file};
