//! What the dashboard shows.

use xfer_telemetry::{build, cache, loader, train};

use super::panel::{Look, Panel, part, rate, series};
use super::{Row, panel};

const IMAGES: &str = "images a second";

/// All of it, in order.
pub(in crate::observe) fn rows() -> Vec<Row> {
    vec![
        Row { title: "At a glance", panels: glance() },
        Row { title: "Throughput: who waits for whom", panels: throughput() },
        Row { title: "Loader: where the time goes", panels: stages() },
        Row { title: "Loader: queues, memory, errors", panels: queues() },
        Row { title: "Training", panels: training() },
    ]
}

fn glance() -> Vec<Panel> {
    let stat = |title, unit, description| Panel::new(Look::Stat, title, unit, description);
    vec![
        stat("Images a second now", "none", "Images trained on, a second.")
            .query("images", format!("sum({})", rate(&series(&train::IMAGES)))),
        stat("Stall share now", "percentunit", "Share of training's time that it waited for the loader.")
            .share()
            .thresholds(0.05, 0.2)
            .query("stall", stall("")),
        stat("Epoch", "none", "The epoch in progress, and how many there are to be.")
            .query("epoch", format!("max({})", series(&train::EPOCH)))
            .query("of", format!("max({})", series(&train::EPOCHS))),
        stat("Validation accuracy now", "percentunit", "Accuracy of the last validation.")
            .share()
            .query("{{run}}", format!("max by (run) ({})", series(&train::VALIDATION_ACCURACY))),
        stat("Bad images", "short", "Images that could not be read or decoded, over the time shown.")
            .thresholds(1.0, 100.0)
            .query("errors", format!("round(sum(increase({}[$__range])))", series(&loader::DECODE_ERRORS))),
        stat("Version", "none", "What is running, and on which device.")
            .named()
            .query("{{version}} on {{device}}", format!("count by (version, device) ({})", series(&build::INFO))),
    ]
}

fn throughput() -> Vec<Panel> {
    let lines = |title, unit, description| Panel::new(Look::Lines, title, unit, description);
    vec![
        lines("Images a second", "none", "Images a second that left the loader, and that were trained and validated on.")
            .many()
            .axis(IMAGES)
            .query("loader, {{flow}}", format!("sum by (flow) ({})", rate(&series(&loader::IMAGES))))
            .query("trained on", format!("sum({})", rate(&series(&train::IMAGES))))
            .query("validated on", format!("sum({})", rate(&series(&train::VALIDATION_IMAGES)))),
        Panel::new(
            Look::Stacked,
            "What training's time goes to",
            "percentunit",
            "Share of the time of training and validation by what it goes to: the largest one is what the verdict at the end \
             names.",
        )
        .share()
        .many()
        .query(
            "{{bound}}",
            format!(
                "sum by (bound) ({time}) / ignoring (bound) group_left () sum({time})",
                time = rate(&series(&train::TIME_SECONDS))
            ),
        ),
        lines("Stages of a step", "s", "Seconds of a step of training or validation by stage, on average.").many().query(
            "{{stage}}",
            format!(
                "sum by (stage) ({}) / sum by (stage) ({})",
                rate(&part(&train::STAGE_SECONDS, "sum")),
                rate(&part(&train::STAGE_SECONDS, "count"))
            ),
        ),
        lines(
            "Stall share",
            "percentunit",
            "Share of training's time that it waited for the loader: above 5 % the loader is worth a look, above 20 % it is \
             the bottleneck.",
        )
        .share()
        .thresholds(0.05, 0.2)
        .narrow()
        .query("{{run}} rank {{rank}}", stall("by (run, rank) ")),
        lines("Step time", "s", "Seconds of a training step, the wait for its batch included.")
            .narrow()
            .query("median", quantile(0.5, &train::STEP_SECONDS, ""))
            .query("99 %", quantile(0.99, &train::STEP_SECONDS, "")),
    ]
}

fn stages() -> Vec<Panel> {
    let busy = |metric: &xfer_telemetry::Metric| format!("sum by (stage) ({})", rate(&part(metric, "sum")));
    let each = |metric: &xfer_telemetry::Metric| {
        format!("{} / sum by (stage) ({})", busy(metric), rate(&part(metric, "count")))
    };
    vec![
        Panel::new(
            Look::Stacked,
            "Threads busy by stage",
            "short",
            "How many threads' worth of time each stage of the loader takes: the highest one is where more speed is to be had.",
        )
        .many()
        .query("{{stage}}", busy(&loader::STAGE_SECONDS)),
        Panel::new(Look::Lines, "Cost of an image by stage", "s", "Seconds that one image spends in each stage, on average.")
            .many()
            .query("{{stage}}", each(&loader::STAGE_SECONDS)),
        Panel::new(Look::Lines, "Slowest images by stage", "s", "Seconds below which 99 % of images stay, in each stage.")
            .many()
            .query("{{stage}}", quantile(0.99, &loader::STAGE_SECONDS, "stage, ")),
        Panel::new(Look::Lines, "Read", "Bps", "Bytes of image files read, a second.")
            .many()
            .query("{{flow}}", format!("sum by (flow) ({})", rate(&series(&loader::READ_BYTES)))),
    ]
}

fn queues() -> Vec<Panel> {
    let lines = |title, unit, description| Panel::new(Look::Lines, title, unit, description);
    let memory = |metric| format!("sum by (flow) ({})", series(metric));
    vec![
        lines(
            "Queue fill",
            "percentunit",
            "Items in a queue as a share of what fits: batches empty means that training waits, batches full that the loader does.",
        )
        .share()
        .many()
        .query(
            "{{queue}}, {{flow}}",
            format!(
                // Plans come a batch at a time: the last of them may be more than what fits.
                "clamp_max(sum by (queue, flow) ({}) / sum by (queue, flow) ({}), 1)",
                series(&loader::QUEUE_DEPTH),
                series(&loader::QUEUE_CAPACITY)
            ),
        ),
        lines(
            "Blocked at queues",
            "short",
            "How many threads are blocked at each queue: take where it is empty (what fills it is slow), put where it is full \
             (what empties it is).",
        )
        .many()
        .query(
            "{{queue}} {{side}}, {{flow}}",
            format!("sum by (queue, side, flow) ({})", rate(&series(&loader::QUEUE_WAIT_SECONDS))),
        ),
        lines("Memory of the loader", "bytes", "Memory that the loader's budget counts, and the budget.")
            .many()
            .query("in flight, {{flow}}", memory(&loader::BYTES_IN_FLIGHT))
            .query("budget, {{flow}}", memory(&loader::BYTE_BUDGET)),
        lines("Images by result", "none", "Images a second, by what came of them.")
            .narrow()
            .axis(IMAGES)
            .query("{{result}}", format!("sum by (result) ({})", rate(&series(&loader::IMAGES)))),
        lines("Errors by reason", "short", "Images that could not be read or decoded, in each interval, by reason.").narrow().query(
            "{{reason}}",
            format!("sum by (reason) (increase({}[$__rate_interval]))", series(&loader::DECODE_ERRORS)),
        ),
    ]
}

fn training() -> Vec<Panel> {
    let lines = |title, unit, description| Panel::new(Look::Lines, title, unit, description);
    let of_run = |metric| format!("max by (run) ({})", series(metric));
    let hits = |matcher: &str| {
        let all = series(&cache::FEATURES);
        format!("sum(rate({}[$__rate_interval]))", all.replace('{', &format!("{{{matcher}")))
    };
    vec![
        lines("Loss", "none", "Mean training loss of the epoch so far, and that of the last validation.")
            .query("training, {{run}}", of_run(&train::LOSS))
            .query("validation, {{run}}", of_run(&train::VALIDATION_LOSS)),
        lines("Accuracy", "percentunit", "Training accuracy of the epoch so far, and that of the last validation.")
            .share()
            .query("training, {{run}}", of_run(&train::ACCURACY))
            .query("validation, {{run}}", of_run(&train::VALIDATION_ACCURACY)),
        lines("Learning rate", "none", "Learning rate of the next step.")
            .query("{{run}}", of_run(&train::LEARNING_RATE)),
        Panel::new(
            Look::Stacked,
            "Training's time",
            "short",
            "How training spends each second: computing, backbone and head, or waiting for the loader.",
        )
        .query("computing", format!("sum({})", rate(&series(&train::BUSY_SECONDS))))
        .query("waiting", format!("sum({})", rate(&series(&train::WAIT_SECONDS)))),
        lines("Cached features", "percentunit", "Share of feature vectors that came from the cache.")
            .share()
            .query("hits", format!("{} / {}", hits("result=\"hit\", "), hits(""))),
        lines("Epoch time", "s", "Seconds of an epoch, its validation included, on average.").query(
            "{{run}}",
            format!(
                "sum by (run) ({}) / sum by (run) ({})",
                part(&train::EPOCH_SECONDS, "sum"),
                part(&train::EPOCH_SECONDS, "count")
            ),
        ),
    ]
}

/// Waiting as a share of waiting and computing, `by` labels.
fn stall(by: &str) -> String {
    let total = |metric| format!("sum {by}({})", panel::rate(&series(metric))).replace("sum (", "sum(");
    let (wait, busy) = (total(&train::WAIT_SECONDS), total(&train::BUSY_SECONDS));
    format!("{wait} / ({wait} + {busy})")
}

fn quantile(q: f64, metric: &xfer_telemetry::Metric, by: &str) -> String {
    format!("histogram_quantile({q}, sum by ({by}le) ({}))", rate(&part(metric, "bucket")))
}
