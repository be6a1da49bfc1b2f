//! One file per Kafka API, and the way from a request to its handler.
//!
//! A handler is an `async fn handle(context, request) -> Response<…>` over decoded messages; [`answer`] decodes, runs and
//! encodes around it. It keeps its turn: no later request of the connection starts before it has answered. The few
//! APIs that let the next request start earlier (produce, fetch), or answer what they cannot decode (ApiVersions), take
//! the whole call instead. `gateway/README.md` shows how one more is added.

mod answer;
mod api_versions;
mod context;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use chronik_policy::{Call, CloseReason, Reply};
use kafka_protocol::messages::ApiKey;
use tower::Service;

use self::answer::answer;
pub(crate) use self::answer::{Request, Response};
pub(crate) use self::context::Context;

/// The future of a handler. This is the one box on the way of a request.
pub(crate) type ReplyFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Answers the calls of one API.
type Handler = fn(Arc<Context>, Call) -> ReplyFuture;

/// The handler of an API. What the table of supported APIs lists has one, and nothing else has.
fn handler_of(api: ApiKey) -> Option<Handler> {
    Some(match api {
        ApiKey::ApiVersions => |context, call| Box::pin(api_versions::answer(context, call)),
        _ => return None,
    })
}

/// The end of the stack: hands each call to the handler of its API.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    context: Arc<Context>,
}

impl Dispatcher {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}

impl Service<Call> for Dispatcher {
    type Response = Reply;
    type Error = Infallible;
    type Future = AlwaysOk<ReplyFuture>;

    fn poll_ready(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        AlwaysOk(match handler_of(call.header.api) {
            Some(handler) => handler(Arc::clone(&self.context), call),
            None => Box::pin(std::future::ready(Reply::Close(CloseReason::Unsupported))),
        })
    }
}

/// The future of [`Dispatcher`]: a reply is never an error.
#[derive(Debug)]
pub(crate) struct AlwaysOk<F>(F);

impl<F: Future + Unpin> Future for AlwaysOk<F> {
    type Output = Result<F::Output, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(Ok)
    }
}
