//! What Prometheus sees.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use xfer_tests::Workplace;

const TRAIN: &str = "train --data photos --weights random --image-size 48 --output run --epochs 100000";

/// Ends the training whatever becomes of the test.
struct Training(Child);

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The value of the first series of this name with these labels, such as `name{a="b"}`; it may have others too.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels: Vec<&str> = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).collect();
    let mut found = metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (its_name, its_labels) = series.split_once('{').unwrap_or((series, ""));
        let same = its_name == name && labels.iter().all(|label| its_labels.contains(label));
        same.then(|| value.parse().ok())?
    });
    found.next()
}

#[test]
fn a_running_training_can_be_scraped() {
    let place = Workplace::with_photos(6, 2);
    let mut command = place.command(&format!("{TRAIN} --metrics-addr 127.0.0.1:0"));
    let mut training = Training(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let output = BufReader::new(training.0.stdout.take().unwrap());
    let (lines, received) = std::sync::mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
    let url = received
        .iter()
        .find_map(|line| Some(line[line.find("http://")?..].trim_end_matches('.').to_owned()))
        .expect("the address is printed");

    let deadline = Instant::now() + Duration::from_secs(120);
    let metrics = loop {
        let metrics = ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap();
        if value(&metrics, "train_epoch").is_some_and(|epoch| epoch >= 3.0) {
            break metrics;
        }
        assert!(Instant::now() < deadline, "{metrics}");
        thread::sleep(Duration::from_millis(50));
    };
    for series in [
        r#"loader_images_total{result="ok",flow="training"}"#,
        r#"loader_read_bytes_total{flow="training"}"#,
        r#"loader_stage_seconds_count{stage="decode",flow="training"}"#,
        r#"loader_stage_seconds_bucket{stage="decode",flow="validation",le="+Inf"}"#,
        r#"loader_queue_capacity{queue="batches",flow="training"}"#,
        "train_images_total",
        "train_step_seconds_count",
        "train_wait_seconds_total",
        "train_busy_seconds_total",
        "train_loss",
        "train_validation_loss",
    ] {
        assert!(value(&metrics, series).is_some_and(|value| value > 0.0), "{series} in {metrics}");
    }
    assert!(value(&metrics, r#"train_images_total"#).is_some_and(|images| images >= 24.0), "two epochs of 12");
    let build_info = metrics.lines().find(|line| line.starts_with("build_info{")).expect("build_info");
    assert!(build_info.contains("version=") && build_info.ends_with(" 1"), "{build_info}");
    let described =
        |name: &str| metrics.contains(&format!("# HELP {name} ")) && metrics.contains(&format!("# TYPE {name} "));
    for name in ["loader_images_total", "loader_stage_seconds", "train_step_seconds", "train_wait_seconds_total"] {
        assert!(described(name), "{name} in {metrics}");
    }
    assert!(metrics.contains("# TYPE loader_stage_seconds histogram"), "{metrics}");
}

#[test]
fn a_port_in_use_is_a_warning() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = Workplace::with_photos(2, 1);
    let words = format!("train --data photos --weights random --image-size 48 --output run --metrics-addr {address}");
    let ran = place.run(&words).succeeded();
    assert!(ran.stderr.contains(&address.to_string()) && ran.stderr.contains("training goes on"), "{}", ran.stderr);
}

/// The number of the first free port from here on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn pushed(url: &str, output: &str) -> String {
    format!(
        "train --data photos --weights random --image-size 48 --metrics-addr off --output {output} --metrics-push {url}"
    )
}

#[test]
fn a_short_run_is_pushed_to_a_gateway() {
    let port = free_port();
    let gateway = std::process::Command::new("prometheus-pushgateway")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(gateway) = gateway else {
        eprintln!("skipped: prometheus-pushgateway is not installed");
        return;
    };
    let _gateway = Training(gateway);
    let url = format!("http://127.0.0.1:{port}");
    let scraped = || Some(ureq::get(&format!("{url}/metrics")).call().ok()?.body_mut().read_to_string().unwrap());
    let deadline = Instant::now() + Duration::from_secs(60);
    while scraped().is_none() {
        assert!(Instant::now() < deadline, "the gateway does not start");
        thread::sleep(Duration::from_millis(50));
    }
    let place = Workplace::with_photos(4, 2);
    let ran = place.run(&pushed(&format!("{url}/metrics/job/xfer"), "run")).succeeded();
    assert!(!ran.stderr.contains("cannot be pushed"), "{}", ran.stderr);
    let (metrics, written) = (scraped().unwrap(), place.read("run/metrics.prom"));
    for series in ["train_images_total", r#"loader_stage_seconds_count{stage="decode",flow="training"}"#, "train_loss"]
    {
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let of_job = format!(r#"{name}{{job="xfer",{labels}"#).replace(",}", "}");
        let there = value(&metrics, &of_job);
        assert!(there.is_some() && there == value(&written, series), "{of_job}: {there:?} in {metrics}");
    }
}

#[test]
fn a_gateway_that_does_not_answer_holds_up_no_training() {
    // It lets clients in, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Workplace::with_photos(4, 2);
    let url = format!("http://{}/metrics/job/xfer", silent.local_addr().unwrap());
    let ran = place.run(&pushed(&url, "silent")).succeeded();
    assert!(ran.stderr.contains("metrics cannot be pushed to http://127.0.0.1"), "{}", ran.stderr);
    let nobody = format!("http://127.0.0.1:{}/metrics/job/xfer", free_port());
    let ran = place.run(&pushed(&nobody, "nobody")).succeeded();
    assert!(ran.stderr.contains("metrics cannot be pushed to"), "{}", ran.stderr);
    assert!(place.path("silent/model.json").exists() && place.path("nobody/model.json").exists());
}
