//! A batch cut into pieces that are computed side by side.
//!
//! One operation after another on a whole batch has every thread wait for the slowest at each of a hundred layers, and
//! feature maps of a whole batch do not fit the caches. A few images at a time, each piece by one thread from first
//! layer to last, have neither: threads meet once, at the end.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What the largest feature map of one piece may take, in bytes; several such maps are alive at a time. Measured on a
/// core with 1 MB of second-level cache and a share of 16 MB of third-level cache: half as much is as good, twice as much
/// 5 to 20 % slower. Above 32 MB the C library would ask the system for every map anew.
pub(crate) const PIECE_BYTES: usize = 13 << 20;

/// How a batch is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Images of each piece.
    pub(crate) pieces: Vec<Range<usize>>,
    /// Pieces that are computed at the same time.
    pub(crate) workers: usize,
    /// Threads of each worker.
    pub(crate) threads: usize,
}

/// Cuts `images` for `threads` threads: no piece larger than `most`, and all workers with as much to do.
pub(crate) fn cut(images: usize, threads: usize, most: usize) -> Cut {
    let threads = threads.max(1);
    let workers = threads.min(images).max(1);
    let rounds = images.div_ceil(workers).div_ceil(most.max(1)).max(1);
    let count = (workers * rounds).min(images);
    let start = |piece: usize| piece * images / count.max(1);
    Cut {
        pieces: (0..count).map(|piece| start(piece)..start(piece + 1)).collect(),
        workers,
        threads: threads / workers,
    }
}

/// `work` on every piece by `workers` threads, this one among them; results in the order of the pieces.
///
/// After an error no new piece is begun; of several errors, that of the first piece is told.
pub(crate) fn run<T: Send, E: Send>(
    cut: &Cut,
    work: impl Fn(Range<usize>) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some(range) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            cut.pieces.get(place).map(|range| (place, range.clone()))
        } {
            let result = work(range.1);
            if result.is_err() {
                next.store(cut.pieces.len(), Ordering::Relaxed);
            }
            done.push((range.0, result));
        }
        done
    };
    let mut results = thread::scope(|scope| {
        let others: Vec<_> = (1..cut.workers).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_even_and_none_is_too_large() {
        let sizes = |images, threads, most| {
            let cut = cut(images, threads, most);
            assert_eq!(cut.pieces.iter().map(Range::len).sum::<usize>(), images);
            assert!(cut.pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
            (cut.pieces.iter().map(Range::len).collect::<Vec<_>>(), cut.workers, cut.threads)
        };
        assert_eq!(sizes(16, 2, 4), (vec![4; 4], 2, 1));
        assert_eq!(sizes(12, 2, 4), (vec![3; 4], 2, 1));
        assert_eq!(sizes(5, 2, 4), (vec![2, 3], 2, 1));
        assert_eq!(sizes(7, 1, 4), (vec![3, 4], 1, 1));
        assert_eq!(sizes(1, 4, 4), (vec![1], 1, 4));
        assert_eq!(sizes(3, 8, 2), (vec![1; 3], 3, 2));
        assert_eq!(sizes(3, 2, 0), (vec![1; 3], 2, 1));
        assert_eq!(sizes(0, 2, 4), (vec![], 1, 2));
    }

    #[test]
    fn results_come_in_order_and_errors_end_the_work() {
        let cut = cut(40, 3, 2);
        let starts = run(&cut, |range| Ok::<_, ()>(range.start)).unwrap();
        assert_eq!(starts, cut.pieces.iter().map(|range| range.start).collect::<Vec<_>>());
        let error = run(&cut, |range| if range.contains(&20) { Err(range.start) } else { Ok(()) }).unwrap_err();
        assert!(cut.pieces.iter().any(|range| range.start == error && range.contains(&20)));
    }
}
