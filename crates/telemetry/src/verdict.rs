//! What a training waits for: where its time went becomes the one thing that is worth making faster.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use crate::stage;

/// Wall-clock time of training and validation; every moment is in one of its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrainingTime {
    /// Waiting for the loader's next batch, timed where the batch is taken.
    pub loader: Duration,
    /// Copying batches to the device.
    pub upload: Duration,
    /// Computing features.
    pub forward: Duration,
    /// Looking up and reading features that were computed before.
    pub cache: Duration,
    /// Steps and validation of the head.
    pub head: Duration,
    /// Callbacks, files, whatever else.
    pub other: Duration,
    /// Steps of training and validation.
    pub steps: u64,
}

/// What the threads that compute did in a loader: seconds of threads, so that they may be more than the clock's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoaderTime {
    /// In each stage of [`stage::LOADER`], in that order. The first, reading, is on threads of its own.
    pub stages: [Duration; stage::LOADER.len()],
    /// Waiting for files that were being read.
    pub starved: Duration,
    /// Waiting for files that the byte budget had no room for.
    pub no_room: Duration,
    /// Waiting for the plan of the next batch.
    pub no_plan: Duration,
}

/// What most of the time went to: the `bound` label of [`TIME_SECONDS`](crate::train::TIME_SECONDS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// The loader's batches came late.
    Loader,
    /// Copies to the device.
    Upload,
    /// The frozen network.
    Backbone,
    /// Reading features that were computed before.
    Cache,
    /// The head's steps.
    Head,
    /// None of them.
    Other,
}

/// What holds up a loader: a stage of [`stage::LOADER`], [`BUDGET`] or [`PLAN`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause {
    /// Its name.
    pub name: &'static str,
    /// Its share of the time of the loader's threads, 0 to 1; what they waited for their consumer does not count.
    pub share: f64,
}

/// The cause where files have no room in the byte budget.
pub const BUDGET: &str = "budget";
/// The cause where the next batch is planned too late.
pub const PLAN: &str = "plan";

/// What a training waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// What most of the time went to; `None` where there was too little of it to tell.
    pub bound: Option<Bound>,
    /// Its share of the time, 0 to 1.
    pub share: f64,
    /// What holds up the loader, where that is what most of the time went to.
    pub cause: Option<Cause>,
    /// The share of features that came from the cache, 0 to 1; `None` without a cache.
    pub cached: Option<f64>,
}

/// Less than that says little: threads start, files are read for the first time.
const TOO_SHORT: Duration = Duration::from_secs(1);
/// So few steps say little as well: the first one waits for the first batch in any case.
const FEW_STEPS: u64 = 2;

impl Bound {
    /// All of them, in the order in which the first of equals is named.
    pub const ALL: [Self; 6] = [Self::Loader, Self::Upload, Self::Backbone, Self::Cache, Self::Head, Self::Other];

    /// The name as it stands in the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loader => "loader",
            Self::Upload => "upload",
            Self::Backbone => "backbone",
            Self::Cache => "cache",
            Self::Head => "head",
            Self::Other => "other",
        }
    }
}

impl TrainingTime {
    /// The part that goes to `bound`.
    pub const fn of(&self, bound: Bound) -> Duration {
        match bound {
            Bound::Loader => self.loader,
            Bound::Upload => self.upload,
            Bound::Backbone => self.forward,
            Bound::Cache => self.cache,
            Bound::Head => self.head,
            Bound::Other => self.other,
        }
    }

    /// All of it.
    pub fn total(&self) -> Duration {
        Bound::ALL.into_iter().map(|bound| self.of(bound)).sum()
    }
}

impl LoaderTime {
    /// What most of the time went to.
    fn cause(&self) -> Option<Cause> {
        let computing = stage::LOADER.into_iter().zip(self.stages).skip(1);
        let waiting = [(stage::READ, self.starved), (BUDGET, self.no_room), (PLAN, self.no_plan)];
        let parts = || computing.clone().chain(waiting);
        let total: Duration = parts().map(|(_, time)| time).sum();
        let (name, most) = parts().reduce(|most, part| if part.1 > most.1 { part } else { most })?;
        (!most.is_zero()).then(|| Cause { name, share: most.as_secs_f64() / total.as_secs_f64() })
    }
}

impl Verdict {
    /// `loader` is the sum over all streams of the training; `features` are those from the cache and those computed, where
    /// there is a cache.
    pub fn new(training: &TrainingTime, loader: &LoaderTime, features: Option<(u64, u64)>) -> Self {
        let total = training.total();
        let cached = features.map(|(cached, computed)| cached as f64 / (cached + computed).max(1) as f64);
        if total < TOO_SHORT || training.steps < FEW_STEPS {
            return Self { bound: None, share: 0.0, cause: None, cached };
        }
        let most = |most: Bound, bound: Bound| if training.of(bound) > training.of(most) { bound } else { most };
        let bound = Bound::ALL.into_iter().fold(Bound::Loader, most);
        let share = training.of(bound).as_secs_f64() / total.as_secs_f64();
        let cause = if bound == Bound::Loader { loader.cause() } else { None };
        Self { bound: Some(bound), share, cause, cached }
    }

    /// Whether no photo was loaded.
    pub fn is_cache_served(&self) -> bool {
        self.cached == Some(1.0)
    }
}

/// `loader-bound 63% (decode 71% of it)`, `backbone-bound 92%`, `cache-served, head-bound 80%`, `too short to tell`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cache_served() {
            f.write_str("cache-served, ")?;
        }
        let Some(bound) = self.bound else { return f.write_str("too short to tell") };
        write!(f, "{}-bound {}", bound.as_str(), Percent(self.share))?;
        match self.cause {
            Some(Cause { name, share }) => write!(f, " ({name} {} of it)", Percent(share)),
            None => Ok(()),
        }
    }
}

struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}%", self.0 * 100.0)
    }
}

impl AddAssign for TrainingTime {
    fn add_assign(&mut self, other: Self) {
        self.loader += other.loader;
        self.upload += other.upload;
        self.forward += other.forward;
        self.cache += other.cache;
        self.head += other.head;
        self.other += other.other;
        self.steps += other.steps;
    }
}

impl AddAssign for LoaderTime {
    fn add_assign(&mut self, other: Self) {
        for (stage, more) in self.stages.iter_mut().zip(other.stages) {
            *stage += more;
        }
        self.starved += other.starved;
        self.no_room += other.no_room;
        self.no_plan += other.no_plan;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    fn training(loader: u64, forward: u64, head: u64) -> TrainingTime {
        let (loader, forward, head) = (ms(loader), ms(forward), ms(head));
        TrainingTime { loader, forward, head, other: ms(1000), steps: 10, ..TrainingTime::default() }
    }

    fn loader(decode: u64, augment: u64, starved: u64) -> LoaderTime {
        let stages = [ms(90_000), ms(decode), ms(100), ms(augment), ms(100), ms(0), ms(10)];
        LoaderTime { stages, starved: ms(starved), ..LoaderTime::default() }
    }

    fn said(training: TrainingTime, loader: LoaderTime) -> String {
        Verdict::new(&training, &loader, None).to_string()
    }

    #[test]
    fn the_largest_part_of_the_time_is_named() {
        assert_eq!(said(training(6300, 2000, 700), loader(7100, 1890, 800)), "loader-bound 63% (decode 71% of it)");
        assert_eq!(said(training(6300, 2000, 700), loader(100, 8000, 500)), "loader-bound 63% (augment 91% of it)");
        assert_eq!(said(training(0, 9000, 0), loader(7100, 0, 0)), "backbone-bound 90%");
        assert_eq!(said(training(10, 200, 9000), loader(7100, 0, 0)), "head-bound 88%");
        assert_eq!(said(training(0, 0, 0), LoaderTime::default()), "other-bound 100%");
    }

    #[test]
    fn reading_counts_by_those_that_wait_for_it() {
        // 90 seconds of reads side by side hold up nobody here, and whoever computes there.
        assert!(said(training(5000, 0, 0), loader(3000, 0, 10)).contains("decode"));
        assert!(said(training(5000, 0, 0), loader(1000, 0, 7000)).contains("(read 85% of it)"));
    }

    #[test]
    fn budget_and_plan_can_hold_up_a_loader_too() {
        let starved = LoaderTime { no_room: ms(8000), no_plan: ms(10), ..loader(500, 0, 500) };
        assert!(said(training(5000, 0, 0), starved).contains("(budget "));
        let starved = LoaderTime { no_plan: ms(8000), ..loader(500, 0, 500) };
        assert!(said(training(5000, 0, 0), starved).contains("(plan "));
        assert_eq!(said(training(5000, 0, 0), LoaderTime::default()), "loader-bound 83%");
    }

    #[test]
    fn what_is_short_is_not_judged() {
        let short = TrainingTime { other: ms(10), ..training(800, 100, 50) };
        assert_eq!(said(short, loader(100, 0, 0)), "too short to tell");
        assert_eq!(said(TrainingTime { steps: 1, ..training(8000, 0, 0) }, loader(100, 0, 0)), "too short to tell");
        assert_eq!(Verdict::new(&short, &LoaderTime::default(), None).bound, None);
    }

    #[test]
    fn a_run_without_photos_says_so() {
        let head = training(0, 0, 9000);
        let verdict = Verdict::new(&head, &LoaderTime::default(), Some((720, 0)));
        assert_eq!(verdict.to_string(), "cache-served, head-bound 90%");
        let verdict = Verdict::new(&head, &LoaderTime::default(), Some((648, 72)));
        assert_eq!((verdict.to_string().as_str(), verdict.cached), ("head-bound 90%", Some(0.9)));
    }

    #[test]
    fn times_add_up() {
        let mut sum = training(1, 2, 3);
        sum += training(10, 20, 30);
        assert_eq!((sum.loader, sum.head, sum.steps, sum.total()), (ms(11), ms(33), 20, ms(2066)));
        let mut sum = loader(1, 2, 3);
        sum += loader(10, 20, 30);
        assert_eq!((sum.stages[1], sum.starved), (ms(11), ms(33)));
    }
}
