//! Where a run's time went, and what it was bound by.

use xfer_telemetry::{loader, train};

use crate::runs::Run;

/// Where the time went, as far as was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Time {
    /// One sentence on who waited for whom.
    pub(super) verdict: String,
    /// Seconds that training and validation waited for photos, and computed.
    pub(super) waited: f64,
    pub(super) computed: f64,
    /// The loader's stages.
    pub(super) stages: Vec<Stage>,
}

/// A stage of the loader, all threads together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) seconds: f64,
    pub(super) images: f64,
    /// Of all stages, `0.0..=1.0`.
    pub(super) share: f64,
}

impl Stage {
    pub(super) fn milliseconds(&self) -> f64 {
        if self.images > 0.0 { self.seconds / self.images * 1000.0 } else { 0.0 }
    }
}

impl Time {
    /// What `metrics.prom` tells; `None` where it is not there.
    pub(super) fn of(run: &Run) -> Option<Self> {
        let metrics = run.metrics.as_ref()?;
        let waited = metrics.sum(train::WAIT_SECONDS.name).unwrap_or(0.0);
        let computed = metrics.sum(train::BUSY_SECONDS.name).unwrap_or(0.0);
        let mut stages: Vec<Stage> = Vec::new();
        let (sum, count) =
            (format!("{}_sum", loader::STAGE_SECONDS.name), format!("{}_count", loader::STAGE_SECONDS.name));
        for name in [&sum, &count] {
            for series in metrics.all(name) {
                let stage = series.label("stage").unwrap_or("?");
                let place = stages.iter().position(|its| its.name == stage).unwrap_or_else(|| {
                    stages.push(Stage { name: stage.to_owned(), seconds: 0.0, images: 0.0, share: 0.0 });
                    stages.len() - 1
                });
                *(if name == &sum { &mut stages[place].seconds } else { &mut stages[place].images }) += series.value;
            }
        }
        stages.retain(|stage| stage.seconds > 0.0 && stage.seconds.is_finite());
        let all: f64 = stages.iter().map(|stage| stage.seconds).sum();
        for stage in &mut stages {
            stage.share = stage.seconds / all;
        }
        let slowest = stages.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds)).map(|stage| &*stage.name);
        let told = run.result().and_then(|result| result.verdict.as_ref()).filter(|told| !told.text.is_empty());
        let verdict = match told {
            Some(told) => std::iter::once(told.text.clone()).chain(told.advice.clone()).collect::<Vec<_>>().join(": "),
            None => verdict(waited, computed, slowest),
        };
        Some(Self { verdict, waited, computed, stages })
    }
}

fn verdict(waited: f64, computed: f64, slowest: Option<&str>) -> String {
    let whole = waited + computed;
    if whole <= 0.0 {
        return "Nothing was measured.".to_owned();
    }
    let share = waited / whole;
    match slowest {
        Some(stage) if share > 0.5 => format!(
            "Bound by the photos: training waited for the loader {:.0} % of the time, and the loader spent most of its own in {stage}.",
            share * 100.0
        ),
        _ => format!("Bound by computing: training waited for the loader only {:.0} % of the time.", share * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_is_told() {
        assert!(verdict(9.0, 1.0, Some("decode")).contains("waited for the loader 90 %"));
        assert!(verdict(9.0, 1.0, Some("decode")).ends_with("in decode."));
        assert!(
            verdict(1.0, 9.0, Some("decode"))
                .starts_with("Bound by computing: training waited for the loader only 10 %")
        );
        assert_eq!(verdict(0.0, 0.0, None), "Nothing was measured.");
    }
}
