//! The cache of features, as `train` and `extract` share it.

use std::path::PathBuf;

use xfer_trainer::features::cache::Stored;

/// Features that were computed before are not computed again.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Cache of features")]
pub(crate) struct CacheArgs {
    /// Compute all features anew, and keep none of them
    #[arg(long, conflicts_with_all = ["cache_dir", "cache_dtype"])]
    pub(crate) no_cache: bool,

    /// Folder of the cache [default: `features` in the folder that XFER_CACHE_DIR names, or in ~/.cache/xfer]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// What features are kept as: `f32` as they are; `f16` takes half the room, and rounds what is trained on
    #[arg(long, value_name = "TYPE", default_value_t = Stored::default(), value_parser = stored)]
    pub(crate) cache_dtype: Stored,
}

fn stored(name: &str) -> Result<Stored, String> {
    Stored::by_name(name).ok_or_else(|| "expected f32 or f16".to_owned())
}
