//! The admin API over a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chronik_admin::{AdminParts, AdminServer, Check, ProcessCollector, Readiness};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

async fn ask(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: chronik\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn answers_probes_metrics_and_version_until_it_is_stopped() {
    let healthy = Arc::new(AtomicBool::new(true));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessCollector));
    let seen = Arc::clone(&healthy);
    let readiness = move || {
        let ok = seen.load(Ordering::Relaxed);
        Readiness { checks: vec![Check { name: "storage", ok, detail: "wal".to_owned() }] }
    };
    let parts = AdminParts { registry, readiness: Box::new(readiness), version: "1.2.3" };
    let server = AdminServer::bind("127.0.0.1:0", parts).await.unwrap();
    let address = server.local_address();
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(server.serve(stopped));

    assert!(ask(address, "/livez").await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(address, "/readyz?verbose").await.unwrap().contains("[+] storage: wal\nready\n"));
    assert!(ask(address, "/version").await.unwrap().contains(r#"{"name":"chronik","version":"1.2.3"}"#));
    let metrics = ask(address, "/metrics").await.unwrap();
    assert!(metrics.contains("process_resident_memory_bytes "), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(ask(address, "/nothing").await.unwrap().starts_with("HTTP/1.1 404"));

    healthy.store(false, Ordering::Relaxed);
    let refused = ask(address, "/readyz").await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("[-] storage: wal"), "{refused}");

    stop.send(true).unwrap();
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn says_which_address_is_taken() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let parts = AdminParts {
        registry: Registry::default(),
        readiness: Box::new(|| Readiness { checks: Vec::new() }),
        version: "1",
    };
    let error = AdminServer::bind(&address, parts).await.err().unwrap().to_string();
    assert!(error.contains(&address) && error.contains("admin.listen"), "{error}");
}
