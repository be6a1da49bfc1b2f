//! Closing a connection so that the last answers arrive.
//!
//! A socket that is closed while unread bytes lie in it is reset by the system, and a reset destroys what the client has
//! not read yet. So the writing side is closed first, and what the client still sends is thrown away for a moment.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long the client has to take notice.
const LIMIT: Duration = Duration::from_millis(500);
/// What is thrown away at most.
const MOST: u64 = 1024 * 1024;

/// Ends the writing side, waits a moment for the client to end its own. A failure means that the connection is gone already.
pub(super) async fn close<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO) {
    if io.shutdown().await.is_err() {
        return;
    }
    let mut rest = io.take(MOST);
    let mut scrap = [0; 1024];
    let drain = async { while matches!(rest.read(&mut scrap).await, Ok(read) if read > 0) {} };
    // Out of time or at the end: the connection is dropped either way.
    let _elapsed = tokio::time::timeout(LIMIT, drain).await;
}
