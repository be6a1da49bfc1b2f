//! A proxy that knows frames: it delays, repeats, reorders and cuts single requests on their way to a broker.
//!
//! Everything passes in order until [`Proxy::inject`] sets a trap for the next request of an API. The answers that a
//! client gets are in the order of its requests, whatever happened to these. Clients connect to [`Proxy::address`] and
//! follow no Metadata, or the broker advertises that address. A client that asks for no answers (acks=0) is not served:
//! the proxy expects one answer for each request.
//!
//! `fault` is what can be done and how a test follows it, `link` one connection with its two directions.

mod fault;
mod link;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use kafka_protocol::protocol::Request;
use parking_lot::Mutex;

pub use fault::{Fault, Injected};

use fault::Trap;
use link::Link;

/// A running proxy. Its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    broker: SocketAddr,
    traps: Mutex<Vec<Arc<Trap>>>,
    links: Mutex<Vec<Arc<Link>>>,
    closing: AtomicBool,
}

impl Shared {
    /// The first trap that waits for this API.
    fn take_trap(&self, api_key: i16) -> Option<Arc<Trap>> {
        let mut traps = self.traps.lock();
        let place = traps.iter().position(|trap| trap.api_key == api_key)?;
        Some(traps.remove(place))
    }
}

impl Proxy {
    /// Listens on a free port of the loopback. The broker need not be there yet, and may come back as often as it likes.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(broker: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (traps, links, closing) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { broker, traps, links, closing });
        let accepting = Arc::clone(&shared);
        let accept = move || {
            while let Ok((client, _)) = listener.accept() {
                if accepting.closing.load(Ordering::Acquire) {
                    return;
                }
                // A client without a broker finds its connection closed, as it would without the proxy.
                let _ = open(&accepting, client);
            }
        };
        let acceptor = std::thread::Builder::new().name("proxy".to_owned()).spawn(accept)?;
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets `fault` happen to the next request `R` of any connection. Traps of one API are used in the order in which they
    /// were set.
    pub fn inject<R: Request>(&self, fault: Fault) -> Injected<R> {
        let injected = Injected::new(fault);
        self.shared.traps.lock().push(Arc::clone(&injected.trap));
        injected
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        // Wakes the acceptor; when that fails, it has ended already.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for link in self.shared.links.lock().drain(..) {
            link.close(Shutdown::Both);
        }
    }
}

/// Connects a client to the broker.
fn open(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let broker = TcpStream::connect(shared.broker)?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (from_client, from_broker) = (client.try_clone()?, broker.try_clone()?);
    let link = Arc::new(Link::new(client, broker));
    shared.links.lock().push(Arc::clone(&link));
    let (requests, answers, traps) = (Arc::clone(&link), link, Arc::clone(shared));
    std::thread::Builder::new()
        .name("proxy-requests".to_owned())
        .spawn(move || requests.pump_requests(from_client, |api_key| traps.take_trap(api_key)))?;
    std::thread::Builder::new()
        .name("proxy-answers".to_owned())
        .spawn(move || answers.pump_answers(from_broker))?;
    Ok(())
}
