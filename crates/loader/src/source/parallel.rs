//! Many small waits for the file system, on several threads at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Where fewer are to be had, that many calls still wait for a disk or a network at once.
const MIN_THREADS: usize = 4;
const MAX_THREADS: usize = 32;

/// `work(0), work(1), .. work(count - 1)`, in that order, or the first error in that order.
pub(super) fn try_map<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.clamp(MIN_THREADS, MAX_THREADS).min(count);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let run = || {
        let mut done = Vec::new();
        // Places are taken in ascending order: when one fails, all before it are in someone's hands.
        while !failed.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                break;
            }
            let result = work(place);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.push((place, result));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // A thread that the system refuses leaves its share to the others.
        let others: Vec<_> = (1..threads)
            .filter_map(|_| thread::Builder::new().name("xfer-index".to_owned()).spawn_scoped(scope, run).ok())
            .collect();
        let mut done = run();
        for other in others {
            done.append(&mut other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|&(place, _)| place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        for count in [0, 1, 2, 1000] {
            let squares = try_map(count, |place| Ok::<_, ()>(place * place)).unwrap();
            assert_eq!(squares, (0..count).map(|place| place * place).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_is_the_one_that_is_told() {
        for _ in 0..50 {
            let failed = try_map(500, |place| if place % 7 == 6 { Err(place) } else { Ok(place) });
            assert_eq!(failed, Err(6));
        }
    }
}
