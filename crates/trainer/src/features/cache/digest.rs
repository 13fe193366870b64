//! Which photos a training saw: one digest of names, classes and contents.

use std::fmt::Write as _;
use std::thread;

use sha2::{Digest, Sha256};
use xfer_loader::Flow;

use super::content::{Content, hex};
use super::store::{Shared, Store};

/// `sha256:...` over the name, the classes, the weight and the content of every sample of `flows`, whatever their order in
/// the index. `known` tells what files hold that have not changed since they were last read; the others are read. A file
/// that cannot be read counts as such.
pub fn data_digest(flows: &[&Flow], known: Option<&Store>) -> String {
    let mut digest = Sha256::new();
    for flow in flows {
        let contents = contents(flow, known.map(Store::shared).map(AsRef::as_ref));
        let mut lines: Vec<String> = flow.filenames().zip(contents).enumerate().map(line(flow)).collect();
        lines.sort_unstable();
        digest.update(format!("{} samples of {:?}\n", lines.len(), flow.class_names()));
        lines.iter().for_each(|line| digest.update(line));
    }
    let digest: [u8; 32] = digest.finalize().into();
    format!("sha256:{}", hex(&digest))
}

type Named<'a> = (usize, (&'a std::path::Path, Option<Content>));

fn line(flow: &Flow) -> impl FnMut(Named<'_>) -> String {
    let weights = flow.weights();
    move |(sample, (name, content))| {
        let mut line = format!("{name:?} {:?} ", flow.classes_of(sample));
        if let Some(weights) = weights {
            // Writing to a String does not fail.
            let _ = write!(line, "{:?} ", weights[sample]);
        }
        line.push_str(&content.map_or_else(|| "unreadable".to_owned(), |content| hex(&content.0)));
        line.push('\n');
        line
    }
}

/// What every file holds, in index order.
fn contents(flow: &Flow, known: Option<&Shared>) -> Vec<Option<Content>> {
    let samples = flow.samples();
    let mut contents = vec![None; samples];
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for (part, contents) in contents.chunks_mut(samples.div_ceil(threads).max(1)).enumerate() {
            let first = part * samples.div_ceil(threads).max(1);
            scope.spawn(move || {
                for (place, content) in contents.iter_mut().enumerate() {
                    let path = flow.path(first + place);
                    *content = match known {
                        Some(shared) => shared.content(&path),
                        None => Content::of_file(&path).ok(),
                    };
                }
            });
        }
    });
    contents
}
