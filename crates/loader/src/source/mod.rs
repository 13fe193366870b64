//! Where samples come from.

mod directory;

pub(crate) use directory::{DirectorySource, EXTENSIONS};
pub(crate) type Index = DirectorySource;
