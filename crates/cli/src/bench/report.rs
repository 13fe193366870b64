//! What was measured, for people and for programs.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::latency::Latency;

/// Images per second of every measured pass.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rates(Vec<f64>);

impl Rates {
    /// Of passes over `images` images; there is one at least.
    pub(super) fn of(images: usize, passes: &[Duration]) -> Self {
        let mut rates: Vec<_> = passes.iter().map(|took| images as f64 / took.as_secs_f64().max(1e-9)).collect();
        rates.sort_by(f64::total_cmp);
        Self(rates)
    }

    fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let upper = self.0.get(middle).copied().unwrap_or_default();
        if self.0.len().is_multiple_of(2) {
            let lower = self.0.get(middle.wrapping_sub(1)).copied().unwrap_or_default();
            return (lower + upper) / 2.0;
        }
        upper
    }

    fn best(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    fn worst(&self) -> f64 {
        self.0.first().copied().unwrap_or_default()
    }
}

/// Everything that `bench loader` tells.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) rates: Rates,
    /// Of one pass.
    pub(super) images: usize,
    /// As asked for: 0 for one a core.
    pub(super) threads: u16,
    /// Of all files.
    pub(super) bytes: u64,
    pub(super) latency: Option<Latency>,
    /// Resident before the first pass, in bytes.
    pub(super) memory_before: Option<u64>,
    pub(super) memory_peak: Option<u64>,
    /// Stages and their shares of the time of all threads.
    pub(super) stages: Vec<(String, f64)>,
}

impl Report {
    /// 10^6 bytes of files a second.
    fn megabytes_per_second(&self) -> f64 {
        self.rates.median() * self.bytes as f64 / self.images.max(1) as f64 / 1e6
    }

    fn megapixels_per_second(&self) -> Option<f64> {
        self.latency.map(|latency| self.rates.median() * latency.pixels / 1e6)
    }

    /// A table of names and values.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut rows = vec![
            ("images/s, median", format!("{:.1}", self.rates.median())),
            ("best", format!("{:.1}", self.rates.best())),
            ("worst", format!("{:.1}", self.rates.worst())),
            ("MB/s read", format!("{:.1}", self.megabytes_per_second())),
        ];
        if let Some(rate) = self.megapixels_per_second() {
            rows.push(("megapixels/s", format!("{rate:.1}")));
        }
        let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        if let (Some(before), Some(peak)) = (self.memory_before, self.memory_peak) {
            rows.push(("MiB resident at most", mebibytes(peak)));
            rows.push(("before the first pass", mebibytes(before)));
        }
        let stages: Vec<_> = self.stages.iter().map(|(stage, share)| (format!("% in {stage}"), share)).collect();
        rows.extend(stages.iter().map(|(name, share)| (name.as_str(), format!("{:.1}", 100.0 * **share))));
        if let Some(latency) = self.latency {
            rows.push(("ms one image, p50", format!("{:.2}", milliseconds(latency.p50))));
            rows.push(("p99", format!("{:.2}", milliseconds(latency.p99))));
        }
        let names = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let values = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
        rows.iter().map(|(name, value)| format!("{name:names$}  {value:>values$}")).collect()
    }

    /// The same as JSON.
    pub(super) fn document(&self) -> Value {
        let stages: Map<String, Value> =
            self.stages.iter().map(|(stage, share)| (stage.clone(), json!(share))).collect();
        json!({
            "images": self.images,
            "passes": self.rates.0.len(),
            "threads": self.threads,
            "images_per_second": self.rates.median(),
            "best": self.rates.best(),
            "worst": self.rates.worst(),
            "megabytes_per_second": self.megabytes_per_second(),
            "megapixels_per_second": self.megapixels_per_second(),
            "resident_before_bytes": self.memory_before,
            "peak_resident_bytes": self.memory_peak,
            "stages": stages,
            "latency": self.latency.map(|latency| json!({
                "images": latency.images,
                "p50_ms": milliseconds(latency.p50),
                "p99_ms": milliseconds(latency.p99),
            })),
        })
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            rates: Rates::of(100, &[2.0, 1.0, 4.0].map(Duration::from_secs_f64)),
            images: 100,
            threads: 2,
            bytes: 8_000_000,
            latency: Some(Latency {
                images: 100,
                p50: Duration::from_micros(2500),
                p99: Duration::from_millis(10),
                pixels: 200_000.0,
            }),
            memory_before: Some(10 << 20),
            memory_peak: Some(150 << 20),
            stages: vec![("decode".to_owned(), 0.75), ("resize".to_owned(), 0.25)],
        }
    }

    #[test]
    fn the_median_is_that_of_the_passes() {
        let rates =
            |seconds: &[u64]| Rates::of(100, &seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
        assert_eq!(rates(&[2, 1, 4]).median(), 50.0);
        assert_eq!(rates(&[2, 1, 4, 5]).median(), 37.5);
        assert_eq!((rates(&[2, 1, 4]).best(), rates(&[2, 1, 4]).worst()), (100.0, 25.0));
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
images/s, median        50.0
best                   100.0
worst                   25.0
MB/s read                4.0
megapixels/s            10.0
MiB resident at most   150.0
before the first pass   10.0
% in decode             75.0
% in resize             25.0
ms one image, p50       2.50
p99                    10.00";
        assert_eq!(report().lines().join("\n"), expected);
    }

    #[test]
    fn what_was_not_measured_is_null() {
        let document = Report { latency: None, ..report() }.document();
        assert_eq!(document["images_per_second"], 50.0);
        assert_eq!(document["stages"]["decode"], 0.75);
        assert!(document["latency"].is_null() && document["megapixels_per_second"].is_null());
    }
}
