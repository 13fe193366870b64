//! `bench backbone`: forward passes over one batch, from bytes in memory to features.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xfer_backbones::{Architecture, Backbone, ImageBatch, PixelData, Precision, Weights, device};

use super::latency::percentile;
use super::usage;
use crate::args::usage_error;
use crate::args::values::{self, ImageSize};
use crate::terminal::{Terminal, print_json};
use crate::{Ending, backbone};

/// Measure forward passes over one batch of images: from bytes in memory to features
///
/// Weights are random, which costs as much as any others. Two passes warm up, and are not counted.
#[derive(Debug, clap::Args)]
pub(crate) struct BackboneArgs {
    /// The frozen network: resnet50 or xception
    #[arg(long, value_name = "NAME", default_value = "resnet50")]
    backbone: Architecture,

    /// What it computes in: fp32 or bf16
    #[arg(long, value_name = "TYPE", default_value_t = Precision::default())]
    precision: Precision,

    /// Height and width of the images in pixels: N for squares, or HEIGHTxWIDTH
    #[arg(long, value_name = "SIZE", default_value = "224")]
    image_size: ImageSize,

    /// Images of one batch
    #[arg(long, value_name = "N", default_value = "16", value_parser = values::batch_size)]
    batch_size: usize,

    /// Batches that are measured
    #[arg(long, value_name = "N", default_value = "10", value_parser = values::count)]
    passes: usize,

    /// Threads that compute; 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,

    /// Where the network runs: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = values::device)]
    device: String,

    /// Print a JSON document about the result
    #[arg(long)]
    json: bool,
}

impl BackboneArgs {
    pub(crate) fn check(self) -> Result<Self, clap::Error> {
        self.image_size.check(self.backbone, "bench")?;
        let ImageSize { height, width } = self.image_size;
        match height.checked_mul(width).and_then(|area| area.checked_mul(3 * self.batch_size)) {
            // Feature maps take a hundred times as much.
            Some(bytes) if bytes <= MAX_BATCH_BYTES => Ok(self),
            _ => Err(usage_error("bench", format_args!("a batch of more than {MAX_BATCH_BYTES} bytes is no use"))),
        }
    }
}

const MAX_BATCH_BYTES: usize = 1 << 30;
const WARM_UP: usize = 2;

pub(super) fn run(args: &BackboneArgs) -> anyhow::Result<Ending> {
    let terminal = Terminal::new(args.json, 1);
    let device = backbone::open_device_with(&args.device, args.precision, args.threads)?;
    let weights = Weights::random(args.backbone, 1);
    let backbone = Backbone::with_precision(&weights, None, device, args.precision)?;
    let ImageSize { height, width } = args.image_size;
    let pixels: Vec<u8> = (0..args.batch_size * height * width * 3).map(|i| ((i * 7919) % 251) as u8).collect();
    let batch = ImageBatch { pixels: PixelData::U8(&pixels), shape: [args.batch_size, height, width, 3] };
    let mut times = Vec::with_capacity(args.passes);
    let mut processor = None;
    for pass in 0..WARM_UP + args.passes {
        if pass == WARM_UP {
            processor = usage::processor_time();
        }
        let begun = Instant::now();
        black_box(backbone.forward(black_box(batch))?);
        times.push(begun.elapsed());
    }
    let first = times[0];
    let images = (args.passes * args.batch_size) as u32;
    let processor = usage::processor_time().zip(processor).map(|(end, begin)| (end - begin) / images.max(1));
    times.drain(..WARM_UP);
    times.sort_unstable();
    let report = Report {
        images: args.batch_size,
        threads: device::threads(),
        first,
        times,
        processor,
        memory_peak: usage::peak_resident(),
    };
    if args.json {
        let mut document = report.document();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("backbone".to_owned(), json!(args.backbone.name()));
            fields.insert("precision".to_owned(), json!(args.precision.name()));
            fields.insert("device".to_owned(), json!(device.to_string()));
            fields.insert("image_size".to_owned(), json!([height, width]));
        }
        print_json(&document)?;
    } else {
        for line in report.lines() {
            terminal.line(line);
        }
    }
    Ok(Ending::Done)
}

/// What was measured.
#[derive(Clone, Debug)]
struct Report {
    /// Of one batch.
    images: usize,
    threads: usize,
    /// The first batch: weights are laid out for it, and oneDNN writes its kernels.
    first: Duration,
    /// Of the measured batches, in ascending order; there is one at least.
    times: Vec<Duration>,
    /// On the processor, of all threads, for one image.
    processor: Option<Duration>,
    memory_peak: Option<u64>,
}

impl Report {
    fn images_per_second(&self, time: Duration) -> f64 {
        self.images as f64 / time.as_secs_f64().max(1e-9)
    }

    fn lines(&self) -> Vec<String> {
        let milliseconds = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        let mut rows = vec![
            ("images/s, median", format!("{:.1}", self.images_per_second(percentile(&self.times, 50)))),
            ("best", format!("{:.1}", self.images_per_second(percentile(&self.times, 0)))),
            ("ms a batch, p50", milliseconds(percentile(&self.times, 50))),
            ("p99", milliseconds(percentile(&self.times, 99))),
            ("ms of the first batch", milliseconds(self.first)),
            ("threads", self.threads.to_string()),
        ];
        if let Some(time) = self.processor {
            rows.push(("ms of processor an image", milliseconds(time)));
        }
        if let Some(peak) = self.memory_peak {
            rows.push(("MiB resident at most", format!("{:.1}", peak as f64 / f64::from(1 << 20))));
        }
        let names = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let values = rows.iter().map(|(_, value)| value.len()).max().unwrap_or(0);
        rows.iter().map(|(name, value)| format!("{name:names$}  {value:>values$}")).collect()
    }

    fn document(&self) -> Value {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        json!({
            "batch_size": self.images,
            "passes": self.times.len(),
            "threads": self.threads,
            "images_per_second": self.images_per_second(percentile(&self.times, 50)),
            "best": self.images_per_second(percentile(&self.times, 0)),
            "p50_ms": milliseconds(percentile(&self.times, 50)),
            "p99_ms": milliseconds(percentile(&self.times, 99)),
            "first_batch_ms": milliseconds(self.first),
            "cpu_ms_per_image": self.processor.map(milliseconds),
            "peak_resident_bytes": self.memory_peak,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Verb, parse};
    use crate::bench::{BenchArgs, Part};

    fn backbone(words: &str) -> Result<BackboneArgs, clap::Error> {
        match parse(&format!("bench backbone {words}"))? {
            Verb::Bench(BenchArgs { part: Part::Backbone(args) }) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_that_others_publish() {
        let args = backbone("").unwrap();
        assert_eq!(args.image_size, ImageSize { height: 224, width: 224 });
        assert_eq!((args.batch_size, args.threads, args.precision), (16, 0, Precision::Fp32));
        assert_eq!(backbone("--precision bf16").unwrap().precision, Precision::Bf16);
    }

    #[test]
    fn what_cannot_be_measured_is_a_usage_error() {
        for words in ["--passes 0", "--precision fp8", "--image-size 31", "--batch-size 32768 --image-size 4096"] {
            assert_eq!(backbone(words).unwrap_err().exit_code(), 2, "{words}");
        }
    }

    #[test]
    fn the_median_is_that_of_the_batches() {
        let report = Report {
            images: 16,
            threads: 2,
            first: Duration::from_secs(3),
            times: [1, 2, 4].map(Duration::from_secs).to_vec(),
            processor: Some(Duration::from_millis(90)),
            memory_peak: Some(300 << 20),
        };
        let document = report.document();
        assert_eq!((&document["images_per_second"], &document["best"]), (&json!(8.0), &json!(16.0)));
        assert_eq!((&document["p99_ms"], &document["cpu_ms_per_image"]), (&json!(4000.0), &json!(90.0)));
        assert_eq!(report.lines()[7], "MiB resident at most       300.0");
    }
}
