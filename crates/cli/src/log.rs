//! The log for programs: one JSON object a line on standard error, in place of the text for people.
//!
//! Whatever a verb tells goes through [`Terminal`](crate::terminal::Terminal), which makes an event of it where this is
//! asked for. What is worth finding again has an `event` of its own and fields; the rest is a `message`. Spans have the names
//! of the stages in the metrics ([`xfer_telemetry::stage`]); `XFER_LOG=trace` tells how long each took.

use std::sync::OnceLock;
use std::{env, io};

use clap::ValueEnum;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Whom the log is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text, tables and progress for people
    #[default]
    Human,
    /// One JSON object a line on standard error
    Json,
}

static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Which events are told, by name of their level.
const LEVEL: &str = "XFER_LOG";

/// Sets the format of this process.
pub(crate) fn init(format: LogFormat) {
    if FORMAT.set(format).is_err() || format == LogFormat::Human {
        return;
    }
    let level = env::var(LEVEL).ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(io::stderr)
        .init();
}

/// Whether events are told instead of text.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Tells of a notable thing: a line for people, or an event with fields.
///
/// `tell!(terminal, "data_found", { samples = 72 }, "Found {} images.", 72)`
macro_rules! tell {
    ($terminal:expr, $event:literal, { $($fields:tt)* }, $($text:tt)+) => {
        if !$crate::log::is_json() {
            $terminal.line(format_args!($($text)+));
        } else if $terminal.is_talkative() {
            tracing::info!(event = $event, $($fields)*, $($text)+);
        }
    };
}
pub(crate) use tell;
