//! A proxy on loopback, found through the environment.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::content;
use crate::processes::command;
use crate::server::{Server, serve};

/// A proxy that tunnels (`CONNECT`) to `origin` whatever host is asked for, and notes who was asked for.
struct TunnelProxy {
    address: SocketAddr,
    hosts: Arc<Mutex<Vec<String>>>,
}

impl TunnelProxy {
    fn start(origin: String) -> TunnelProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let hosts = Arc::new(Mutex::new(Vec::new()));
        thread::spawn({
            let hosts = Arc::clone(&hosts);
            move || {
                for client in listener.incoming() {
                    let (hosts, origin) = (Arc::clone(&hosts), origin.clone());
                    thread::spawn(move || tunnel(&client?, &origin, &hosts));
                }
            }
        });
        TunnelProxy { address, hosts }
    }
}

fn tunnel(client: &TcpStream, origin: &str, hosts: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    from_client.read_line(&mut line)?;
    let mut words = line.split(' ');
    if words.next() != Some("CONNECT") {
        let mut client = client;
        return client.write_all(b"HTTP/1.1 405 Only CONNECT\r\n\r\n");
    }
    hosts.lock().unwrap().push(words.next().unwrap_or_default().to_owned());
    while line.trim() != "" {
        line.clear();
        from_client.read_line(&mut line)?;
    }
    let server = TcpStream::connect(origin)?;
    (&mut &*client).write_all(b"HTTP/1.1 200 Established\r\n\r\n")?;
    let mut to_server = server.try_clone()?;
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    io::copy(&mut &server, &mut &*client)?;
    client.shutdown(Shutdown::Both)
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let data = content(100_000);
    let server = Server::start({
        let data = data.clone();
        move |request| serve(request, &data, "\"one\"")
    });
    let origin = server.url("").replace("http://", "");
    let proxy = TunnelProxy::start(origin.clone());
    let proxy_url = format!("http://{}", proxy.address);
    let folder = tempfile::tempdir().unwrap();

    // No such host: only through the proxy can it be reached.
    let path = folder.path().join("proxied");
    let output = command(&path, &data, "http://weights.invalid:81/f").env("HTTP_PROXY", &proxy_url).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(&path).unwrap(), data);
    assert_eq!(*proxy.hosts.lock().unwrap(), ["weights.invalid:81"]);

    let path = folder.path().join("direct");
    let output = command(&path, &data, &server.url("/f"))
        .env("HTTP_PROXY", &proxy_url)
        .env("NO_PROXY", "localhost, 127.0.0.1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(proxy.hosts.lock().unwrap().len(), 1, "not asked again");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_proxy_address_that_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&folder.path().join("f"), b"x", "http://127.0.0.1:9/f")
        .env("HTTP_PROXY", "ftp://127.0.0.1:1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the proxy in HTTP_PROXY cannot be used"), "{said}");
}
