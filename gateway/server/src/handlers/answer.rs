//! Around every handler: decode the request, run the handler, encode its response.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use chronik_policy::{Answer, Call, CloseReason, Connection, Reply, Reservation};
use chronik_types::ErrorCode;
use chronik_wire::header::RequestHeader;
use chronik_wire::request::Proven;
use chronik_wire::response::encode_response;
use chronik_wire::wellformed::Malformed;
use kafka_protocol::protocol::{Encodable, Request as Message, StrBytes};

use super::counted::Counted;
use super::{Context, ReplyFuture};

/// A decoded request. Its strings and records share the memory of the frame: copy what outlives the request.
#[derive(Debug)]
pub(crate) struct Request<M> {
    /// The message.
    pub(crate) message: M,
    /// The version in which it was asked, and in which it is answered.
    pub(crate) version: i16,
    /// What the client calls itself.
    pub(crate) client_id: Option<StrBytes>,
    /// The connection that it came in on.
    pub(crate) connection: Arc<Connection>,
    /// The memory that is counted for the request, until this is dropped.
    pub(crate) counted: Counted,
}

/// A response that is not yet encoded.
#[derive(Debug)]
pub(crate) struct Response<M> {
    /// The message.
    pub(crate) message: M,
    /// The first error in it, for the metrics.
    pub(crate) error: ErrorCode,
}

impl<M> Response<M> {
    /// A response without an error in it.
    pub(crate) fn ok(message: M) -> Self {
        Self { message, error: ErrorCode::None }
    }

    /// A response of which the first error that is not [`ErrorCode::None`] counts.
    pub(crate) fn with_errors(message: M, errors: impl IntoIterator<Item = i16>) -> Self {
        let first = errors.into_iter().find(|code| *code != 0).unwrap_or(0);
        Self { message, error: ErrorCode::from_code(first).unwrap_or(ErrorCode::UnknownServerError) }
    }
}

/// Decodes the call, lets `handle` answer it, and encodes the answer. The turn is kept until then.
pub(super) fn answer<Q, A, F>(context: Arc<Context>, call: Call, handle: Handle<Q, F>) -> ReplyFuture
where
    Q: Message + Send + 'static,
    A: Encodable + Send + 'static,
    F: Future<Output = Response<A>> + Send + 'static,
{
    Box::pin(run(context, call, handle, false))
}

/// Like [`answer`], for answers that may be many times larger than their requests and are built without waiting for
/// others: a few of them at a time.
pub(super) fn answer_at_length<Q, A, F>(
    context: Arc<Context>,
    call: Call,
    handle: Handle<Q, F>,
) -> ReplyFuture
where
    Q: Message + Send + 'static,
    A: Encodable + Send + 'static,
    F: Future<Output = Response<A>> + Send + 'static,
{
    Box::pin(run(context, call, handle, true))
}

/// A handler.
type Handle<Q, F> = fn(Arc<Context>, Request<Q>) -> F;

async fn run<Q, A, F>(context: Arc<Context>, call: Call, handle: Handle<Q, F>, at_length: bool) -> Reply
where
    Q: Message + Send + 'static,
    A: Encodable + Send,
    F: Future<Output = Response<A>> + Send + 'static,
{
    let Call { connection, mut header, body, turn, reservation, .. } = call;
    let version = header.api_version;
    let (message, counted) = match decode(&context, version, body, reservation).await {
        Ok(decoded) => decoded,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    // From here on the request alone holds on to the frame: who drops it gives all of the memory back.
    let client_id = header.client_id.take();
    let request = Request { message, version, client_id, connection: Arc::clone(&connection), counted };
    let building = if at_length { context.answer_memory.turn_to_build().await } else { None };
    let response = handle(Arc::clone(&context), request).await;
    let reply = encode(&header, &response);
    drop((response, building));
    let reply = context.answer_memory.count(&connection, reply, None).await;
    // Kept until here, so that of a connection one answer waits for memory.
    drop(turn);
    reply
}

/// Decodes a request once what that takes is counted. Requests that name very much with few letters wait for room; frames
/// are never waited for by whoever holds some of it.
pub(super) async fn decode<Q: Message>(
    context: &Context,
    version: i16,
    body: Bytes,
    frame: Option<Reservation>,
) -> Result<(Q, Counted), Malformed> {
    let memory = &context.element_memory;
    let length = body.len();
    let proven = Proven::new(version, body, memory.capacity())?;
    let counted = Counted::whole(memory, frame, length, proven.weighed().bytes()).await;
    Ok((proven.decode()?, counted))
}

/// Encodes a response to a request with that header, in its version.
pub(super) fn encode<A: Encodable>(header: &RequestHeader, response: &Response<A>) -> Reply {
    let header_version = header.response_header_version();
    match encode_response(header.api_version, header_version, header.correlation_id, &response.message) {
        Ok(segments) => Reply::Answer(Answer::new(segments, response.error)),
        Err(error) => Reply::Close(CloseReason::Unencodable(error)),
    }
}
