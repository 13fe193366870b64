//! A small HTTP/1.1 server on loopback whose answers a test decides, request by request.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// How many requests came before this one.
    pub(crate) index: usize,
    pub(crate) path: String,
    /// First byte asked for.
    pub(crate) range: Option<usize>,
    pub(crate) if_range: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether `Content-Length` is sent.
    pub(crate) length: bool,
    /// Body bytes after which the connection ends.
    pub(crate) cut_after: Option<usize>,
    /// Body bytes after which nothing more comes while the connection stays.
    pub(crate) stall_after: Option<usize>,
    /// Pause after every 16 KiB.
    pub(crate) pause: Duration,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            length: true,
            cut_after: None,
            stall_after: None,
            pause: Duration::ZERO,
        }
    }

    pub(crate) fn body(body: &[u8]) -> Answer {
        Answer { body: body.to_vec(), ..Answer::status(200) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn cut_after(self, bytes: usize) -> Answer {
        Answer { cut_after: Some(bytes), ..self }
    }
}

/// What a correct server answers: ranges, and `If-Range` against `etag`.
pub(crate) fn serve(request: &Request, content: &[u8], etag: &str) -> Answer {
    let current = request.if_range.as_deref().is_none_or(|tag| tag == etag);
    match request.range {
        Some(first) if current && first < content.len() => Answer { status: 206, ..Answer::body(&content[first..]) }
            .header("content-range", format!("bytes {first}-{}/{}", content.len() - 1, content.len())),
        Some(_) if current => Answer::status(416).header("content-range", format!("bytes */{}", content.len())),
        _ => Answer::body(content),
    }
    .header("etag", etag)
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Request>,
    body_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let log = Arc::new(Mutex::new(Log::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        thread::spawn({
            let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
                    let answer = Arc::clone(&answer);
                    thread::spawn(move || {
                        let stream = stream.expect("accepted");
                        handle(stream, answer.as_ref(), &log, &stop);
                    });
                }
            }
        });
        Server { address, log, stop }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().requests.clone()
    }

    /// Body bytes that were sent, of all answers together.
    pub(crate) fn body_bytes(&self) -> usize {
        self.log.lock().unwrap().body_bytes
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

fn handle(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Answer, log: &Mutex<Log>, stop: &AtomicBool) {
    let Some(request) = read_request(&stream, log) else {
        return;
    };
    let answer = answer(&request);
    let mut head = format!("HTTP/1.1 {} Whatever\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.length {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).is_err() {
        return;
    }
    let end = answer.cut_after.or(answer.stall_after).unwrap_or(answer.body.len());
    for piece in answer.body[..end].chunks(16 * 1024) {
        // The client may have left.
        if stream.write_all(piece).is_err() {
            return;
        }
        log.lock().unwrap().body_bytes += piece.len();
        thread::sleep(answer.pause);
    }
    while answer.stall_after.is_some() && !stop.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read_request(stream: &TcpStream, log: &Mutex<Log>) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut request = Request { index: 0, path: first.split(' ').nth(1)?.to_owned(), range: None, if_range: None };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let first = value.strip_prefix("bytes=")?.strip_suffix('-')?;
                request.range = Some(first.parse().ok()?);
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut log = log.lock().unwrap();
    request.index = log.requests.len();
    log.requests.push(request.clone());
    Some(request)
}
