//! Nothing that comes in by the metrics' port reaches a training.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use xfer_tests::{Ran, Workplace};

use super::TRAIN;

const MINUTES: Duration = Duration::from_secs(120);

/// A training that serves its metrics, and where.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(place: &Workplace, words: &str) -> Self {
        let words = format!("{} --metrics-addr 127.0.0.1:0 {words}", TRAIN.replace("--metrics-addr off", ""));
        let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = told.find_map(|line| Some(line.split_once("http://")?.1.split_once('/')?.0.to_owned()));
        thread::spawn(move || told.for_each(drop));
        Self { child, address: address.expect("the address is printed").parse().unwrap() }
    }

    /// An answer to `GET path`; empty where it was refused one.
    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
            let _ = stream.read_to_string(&mut answer);
        }
        answer
    }

    /// The epoch that training is in, as soon as the port has room for the question.
    fn epoch(&self) -> f64 {
        let deadline = Instant::now() + MINUTES;
        loop {
            let metrics = self.get("/metrics");
            let epoch = metrics.lines().find(|line| line.starts_with("train_epoch{"));
            if let Some(epoch) = epoch.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()) {
                return epoch;
            }
            assert!(Instant::now() < deadline, "{metrics}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_for_epoch(&self, least: f64) {
        let deadline = Instant::now() + MINUTES;
        while self.epoch() < least {
            assert!(Instant::now() < deadline, "no epoch {least} in two minutes");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// What it said after Ctrl-C.
    fn interrupt(self) -> Ran {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        Ran::of(&self.child.wait_with_output().unwrap())
    }
}

/// Connections that never become a request: silent ones, ones that drip a head, ones that send as much as they can.
fn attack(address: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let flood = vec![b'x'; 1 << 20];
    let open = |number: usize| {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_nonblocking(true).ok()?;
        // Whoever is turned away has tried.
        let _ = match number % 4 {
            0 => Ok(0),
            1 => stream.write(b"GET /metrics HTTP/1.1\r\nHost:"),
            2 => stream.write(&[b"GET /metrics HTTP/1.1\r\nX: ", &*flood].concat()),
            _ => stream.write(&[b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", &*flood].concat()),
        };
        Some(stream)
    };
    (0..connections).filter_map(open).collect()
}

/// One more byte of a head on each connection that bears it.
fn drip(streams: &mut [TcpStream]) -> usize {
    let alive = |stream: &mut TcpStream| match stream.write(b"x") {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    };
    streams.iter_mut().map(alive).filter(|&alive| alive).count()
}

#[test]
fn a_thousand_hostile_connections_cost_a_training_nothing_but_its_scrapes() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(4096).min(4096);
    setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).unwrap();

    let place = Workplace::with_photos(6, 2);
    place.run(&format!("{TRAIN} --steps-per-epoch 6 --epochs 30 --output calm")).succeeded();
    let calm = place.read("calm/history.csv");

    let training = Served::start(&place, "--steps-per-epoch 6 --epochs 1000000 --output attacked");
    training.wait_for_epoch(3.0);
    let (before, descriptors) = (training.epoch(), training.descriptors());
    let begun = Instant::now();
    let (mut tried, mut most_descriptors) = (0, 0);
    // As long as a patient server would hold on to them.
    while begun.elapsed() < Duration::from_secs(7) {
        let mut streams = attack(training.address, 1000);
        tried += streams.len();
        for _ in 0..5 {
            drip(&mut streams);
            most_descriptors = most_descriptors.max(training.descriptors());
            thread::sleep(Duration::from_millis(100));
        }
    }
    assert!(tried >= 1000, "{tried} connections");
    assert!(most_descriptors <= descriptors + 24, "{descriptors} descriptors became {most_descriptors}");
    // The port is there again for those that behave, and training has gone on all the time.
    let during = training.epoch();
    assert!(during > before + 2.0, "epoch {before} became {during}");
    assert!(training.get("/healthz").ends_with("ok\n"));
    training.wait_for_epoch(31.0);
    let ran = training.interrupt();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let attacked = place.read("attacked/history.csv");
    assert!(attacked.starts_with(&calm), "the same training, to the last digit:\n{calm}\n{attacked}");
}
