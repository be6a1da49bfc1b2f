//! The layer that `policy/README.md` shows, compiled and run in a stack as the server builds one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use chronik_policy::{Call, DeadlineLayer, Reply, TraceLayer};
use chronik_types::SystemClock;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::support::call;

const METADATA: i16 = 3;

// --- the layer of the README, word for word
#[derive(Clone)]
struct CountClient {
    client_id: &'static str,
    seen: Arc<AtomicU64>,
}

#[derive(Clone)]
struct CountClientService<S> {
    inner: S,
    layer: CountClient,
}

impl<S> Layer<S> for CountClient {
    type Service = CountClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountClientService { inner, layer: self.clone() }
    }
}

impl<S: Service<Call, Response = Reply, Error = Infallible>> Service<Call> for CountClientService<S> {
    type Response = Reply;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> S::Future {
        if call.header.client_id.as_deref() == Some(self.layer.client_id) {
            self.layer.seen.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.call(call)
    }
}
// --- up to here

#[tokio::test]
async fn the_layer_of_the_readme_works_in_a_stack() {
    let seen = Arc::new(AtomicU64::new(0));
    let mut stack = ServiceBuilder::new()
        .layer(TraceLayer::new(Arc::new(SystemClock::new())))
        .layer(CountClient { client_id: "ours", seen: Arc::clone(&seen) })
        .layer(DeadlineLayer::new(Duration::from_secs(30)))
        .service(service_fn(|_call: Call| async { Ok::<_, Infallible>(Reply::Nothing) }));
    for client_id in ["ours", "theirs", "ours"] {
        let Ok(reply) = stack.call(call(METADATA, 1, client_id)).await;
        assert!(matches!(reply, Reply::Nothing));
    }
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

#[test]
fn the_readme_shows_this_layer() {
    let marked = |text: &str, from: &str, to: &str| -> String {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap().0.trim().to_owned()
    };
    let readme = marked(include_str!("../../README.md"), "```rust\n", "```");
    let source = include_str!("readme_layer.rs");
    let here = marked(source, "word for word\n", "// --- up to here\n");
    let squeezed = |text: &str| text.split_whitespace().collect::<String>().replace(",}", "}");
    assert_eq!(squeezed(&readme), squeezed(&here));
}
