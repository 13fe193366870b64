//! `/metrics` and `/healthz` over HTTP, and nothing else. A client that is slow, greedy or hostile costs training nothing: one
//! thread serves all, connections are few and short, and requests are small.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

/// Connections at a time; more are closed unread.
const CONNECTIONS: usize = 16;
/// A request and its answer take no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A request's head is no longer than that.
const MAX_HEAD: usize = 16 << 10;
/// Where the system has no more descriptors, a moment may bring some.
const BREATH: Duration = Duration::from_millis(100);

/// Serves what `text` gives from now until the process ends; returns the address, port 0 resolved.
pub(super) fn start(address: SocketAddr, text: impl Fn() -> String + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    thread::Builder::new().name("xfer-metrics".to_owned()).spawn(move || runtime.block_on(serve(listener, text)))?;
    Ok(address)
}

async fn serve(listener: StdListener, text: impl Fn() -> String + Send + Sync + 'static) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let (text, permits) = (Arc::new(text), Arc::new(Semaphore::new(CONNECTIONS)));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
                    tokio::spawn(connection(stream, Arc::clone(&text), permit));
                }
            }
            Err(_) => sleep(BREATH).await,
        }
    }
}

/// One request and its answer.
async fn connection(stream: TcpStream, text: Arc<impl Fn() -> String>, _permit: OwnedSemaphorePermit) {
    let service = service_fn(|request| {
        let response = answer(&request, &*text);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false).max_buf_size(MAX_HEAD);
    // Whoever went away, or took too long, is not worth a word.
    let _ = timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), service)).await;
}

fn answer(request: &Request<Incoming>, text: &impl Fn() -> String) -> Response<Full<Bytes>> {
    let plain = |status, body: String| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
        response
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => plain(StatusCode::OK, text()),
        "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
        _ => plain(StatusCode::NOT_FOUND, "only /metrics and /healthz are here\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;

    fn started() -> SocketAddr {
        start("127.0.0.1:0".parse().unwrap(), || "things_total 3\n".to_owned()).unwrap()
    }

    fn told(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(2 * PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has told all it would.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(address: SocketAddr, path: &str) -> String {
        told(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    #[test]
    fn two_paths_are_there_and_no_more() {
        let address = started();
        let metrics = get(address, "/metrics?of=interest");
        assert!(
            metrics.starts_with("HTTP/1.1 200 OK\r\n") && metrics.ends_with("\r\n\r\nthings_total 3\n"),
            "{metrics}"
        );
        assert!(get(address, "/healthz").ends_with("\r\n\r\nok\n"));
        for path in ["/", "/metrics/", "/../metrics", "/etc/passwd", "//metrics"] {
            assert!(get(address, path).starts_with("HTTP/1.1 404 "), "{path}");
        }
        let head = told(address, "HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        let post = told(address, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000\r\n\r\n");
        assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
        for nonsense in ["GET\r\n\r\n", "\x16\x03\x01\x02", "GET /metrics HTTP/1.1\r\n\x00: \r\n\r\n"] {
            let answer = told(address, nonsense);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        let huge = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(4 * MAX_HEAD));
        assert!(!told(address, &huge).contains("things_total"));
        assert!(get(address, "/metrics").ends_with("things_total 3\n"));
    }

    #[test]
    fn clients_that_never_finish_are_let_go() {
        let address = started();
        let mut slow: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
        for stream in &mut slow {
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
        }
        // Every place is taken, and nobody else is let in; until the slow ones have used up their time.
        let deadline = Instant::now() + 6 * PATIENCE;
        while !get(address, "/metrics").ends_with("things_total 3\n") {
            assert!(Instant::now() < deadline, "nobody was let go");
            thread::sleep(BREATH);
        }
    }
}
