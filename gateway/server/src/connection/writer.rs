//! Writing responses: the pieces of all that are ready go out in one vectored write, without being joined. After so many
//! bytes the other connections have their turn, whatever the client would still take: its answers may be very large.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use chronik_policy::{Answer, Reservation};
use tokio::io::AsyncWrite;
use tokio::task::yield_now;

/// Pieces in one write when there are few, which is the common case.
const FEW: usize = 32;
/// Pieces in one write at most: the limit of the system (`IOV_MAX`).
const MOST: usize = 1024;

/// Bytes that go out before others have their turn: about a tenth of a millisecond.
const TURN: usize = 256 * 1024;

/// Responses on their way out.
#[derive(Debug, Default)]
pub(super) struct ResponseWriter {
    pieces: VecDeque<Bytes>,
    unsent: usize,
    /// What is counted for answers on their way out, with the number of unsent bytes behind each of them.
    counted: VecDeque<(usize, Reservation)>,
}

impl ResponseWriter {
    /// Bytes not yet taken by the connection.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Queues the pieces of a response.
    pub(super) fn push(&mut self, answer: Answer) {
        let length = answer.wire_len();
        self.counted.iter_mut().for_each(|(behind, _)| *behind += length);
        self.counted.extend(answer.reservation.map(|reservation| (0, reservation)));
        self.unsent += length;
        if self.pieces.is_empty() {
            // Takes over the memory of the list.
            self.pieces = answer.segments.into_vec().into();
        } else {
            self.pieces.extend(answer.segments.into_vec());
        }
    }

    /// Writes until all is out, the connection takes no more, or the turn is over. `sent` tells how much went out also when
    /// it is not all.
    pub(super) fn poll_flush<W>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        sent: &mut usize,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.pieces.is_empty() {
            if *sent >= TURN {
                // Has the task polled again once the others that are ready have been.
                return pin!(yield_now()).poll(cx).map(Ok);
            }
            let written = if self.pieces.len() <= FEW {
                ready!(self.poll_write::<W, FEW>(io, cx))?
            } else {
                ready!(self.poll_write::<W, MOST>(io, cx))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
            self.advance(written);
        }
        // Given back: an idle connection holds nothing.
        self.pieces = VecDeque::new();
        if self.counted.is_empty() {
            self.counted = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<W, const N: usize>(&self, io: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        W: AsyncWrite + Unpin,
    {
        if let (1, Some(piece)) = (self.pieces.len(), self.pieces.front()) {
            // What most answers are; a plain send costs the kernel less than a list of one.
            return Pin::new(io).poll_write(cx, piece.get(..TURN).unwrap_or(piece));
        }
        let mut slices = [IoSlice::new(&[]); N];
        let mut count = 0;
        let mut left = TURN;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            if left == 0 {
                break;
            }
            let piece = piece.get(..left).unwrap_or(piece);
            *slice = IoSlice::new(piece);
            left -= piece.len();
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, slices.get(..count).unwrap_or(&[]))
    }

    /// Forgets what was written, so that its memory is free as soon as possible.
    fn advance(&mut self, mut written: usize) {
        self.unsent -= written;
        while self.counted.front().is_some_and(|(behind, _)| *behind >= self.unsent) {
            self.counted.pop_front();
        }
        while let Some(first) = self.pieces.front_mut() {
            if first.len() > written {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use chronik_types::ErrorCode;
    use chronik_wire::response::encode_response;
    use kafka_protocol::messages::ApiVersionsResponse;
    use kafka_protocol::messages::api_versions_response::ApiVersion;

    use super::*;

    #[tokio::test]
    async fn others_have_their_turn_before_a_large_answer_has_left() {
        let response = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); 200_000]);
        let segments = encode_response(0, 0, 1, &response).unwrap();
        let mut writer = ResponseWriter::default();
        writer.push(Answer::new(segments, ErrorCode::None));
        let whole = writer.unsent();
        let mut turns = Vec::new();
        poll_fn(|cx| {
            let mut sent = 0;
            let flushed = writer.poll_flush(&mut tokio::io::sink(), cx, &mut sent);
            turns.push(sent);
            flushed
        })
        .await
        .unwrap();
        assert_eq!(turns.iter().sum::<usize>(), whole);
        assert!(turns.len() > 4 && turns.iter().all(|sent| *sent <= TURN), "{turns:?}");
    }
}
