//! `cache`: what is in the cache of features, whether it is sound, and making room.

mod list;
mod prune;
mod quantity;
mod verify;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use xfer_loader::Flow;
use xfer_trainer::features::FeatureExtractor;
use xfer_trainer::features::cache::{Space, Store, Warn};

use crate::Ending;
use crate::args::cache::CacheArgs;
use crate::terminal::Terminal;

/// Look at what was computed before, verify it, or remove some
///
/// The cache is in folder `features` of the folder that XFER_CACHE_DIR names, or of ~/.cache/xfer. Everything in it can be
/// computed again. Features that were made in the same way are in a folder of their own, in safetensors files. Beside them
/// are calibrated statistics of untrained networks and, in `converted`, copies of weights that are quick to open.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheVerbArgs {
    #[command(subcommand)]
    verb: CacheVerb,
}

#[derive(Debug, Subcommand)]
enum CacheVerb {
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
    Prune(prune::PruneArgs),
}

/// Which cache, and how it is told.
#[derive(Clone, Debug, clap::Args)]
struct WhichArgs {
    /// Folder of the cache [default: that of `train` and `extract`]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Print a JSON document on standard output, and everything else on standard error
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: CacheVerbArgs) -> anyhow::Result<Ending> {
    match args.verb {
        CacheVerb::List(args) => list::run(&args),
        CacheVerb::Verify(args) => verify::run(&args),
        CacheVerb::Prune(args) => prune::run(&args),
    }
}

/// The folder of weights' copies, in that of everything that is kept.
pub(crate) const CONVERTED: &str = "converted";

/// The folder of the cache that a verb uses, if it uses one.
pub(crate) fn folder_of(args: &CacheArgs) -> Option<PathBuf> {
    folder(args.cache_dir.as_deref()).ok().filter(|_| !args.no_cache)
}

/// The folder of weights' copies, which belong to no cache that is named.
fn converted(named: Option<&Path>) -> Option<PathBuf> {
    let cache = xfer_hub::cache_dir().ok().filter(|_| named.is_none())?;
    Some(cache.join(CONVERTED))
}

/// The folder of the cache.
fn folder(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(folder) => std::path::absolute(folder).with_context(|| format!("{}: no such path", folder.display())),
        None => Ok(xfer_hub::cache_dir()?.join("features")),
    }
}

/// The store of the features that `extractor` makes of `flow`. `None` where there is to be no cache, or, with a warning,
/// where nothing says where it is.
pub(crate) fn store<E: FeatureExtractor + ?Sized>(
    args: &CacheArgs,
    extractor: &E,
    flow: &Flow,
    terminal: &Terminal,
) -> Option<Store> {
    if args.no_cache {
        return None;
    }
    match folder(args.cache_dir.as_deref()) {
        Ok(folder) => {
            let teller = terminal.clone();
            let warn = Warn::new(move |text| teller.warn(text));
            Some(Store::open(&folder, Space::of(extractor, flow, args.cache_dtype), warn))
        }
        Err(error) => {
            terminal.warn(format_args!("{error:#}; features are not cached"));
            None
        }
    }
}

/// `Features: 184 from the cache, 0 computed.`
pub(crate) fn tally(cached: u64, computed: u64) -> String {
    format!("Features: {cached} from the cache, {computed} computed.")
}
