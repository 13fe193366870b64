//! Where the workspace is, and the fixed places in it.

use std::path::{Path, PathBuf};

/// The folder of the workspace's manifest.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable for what it runs; the compiled-in path serves an executable that is run directly.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.file_name().is_some_and(|name| name == "xtask"))
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map_or_else(|| package.clone(), Path::to_owned)
}

/// The link that `.cargo/config.toml` names as `LIBTORCH`.
pub(crate) fn libtorch_link() -> PathBuf {
    root().join(".libtorch")
}
