//! Writing responses: the pieces of all that are ready go out in one vectored write, without being joined. After so many
//! bytes the other connections have their turn, whatever the client would still take: its answers may be very large. Who has
//! used up a turn skips the next one, so that what arrived meanwhile is not only read but also answered before.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use chronik_policy::{Admission, Answer, Connection, Reservation};
use tokio::io::AsyncWrite;
use tokio::task::yield_now;

use super::memory::UNCOUNTED;

/// Pieces in one write when there are few, which is the common case.
const FEW: usize = 32;
/// Pieces in one write at most: the limit of the system (`IOV_MAX`).
const MOST: usize = 1024;

/// Bytes that go out before others have their turn: some fifty microseconds.
const TURN: usize = 256 * 1024;
/// What is left of a turn is not worth another write when it is less.
const LEAST_WRITE: usize = TURN / 8;

/// Responses on their way out.
#[derive(Debug, Default)]
pub(super) struct ResponseWriter {
    pieces: VecDeque<Bytes>,
    unsent: usize,
    turn: Turn,
    /// What is counted for answers on their way out, with the number of unsent bytes behind each of them.
    counted: VecDeque<(usize, Reservation)>,
}

/// Whose turn it is, between two polls of the task.
#[derive(Clone, Copy, Debug, Default)]
enum Turn {
    /// Ours, for so many more bytes.
    Ours(usize),
    /// Ours is used up, and the next one is skipped.
    Over,
    /// It is skipped; the next one is ours.
    #[default]
    Skipped,
}

impl ResponseWriter {
    /// To be called whenever the task is polled.
    pub(super) fn begin_turn(&mut self, cx: &mut Context<'_>) {
        self.turn = match self.turn {
            Turn::Over => {
                give_way(cx);
                Turn::Skipped
            }
            Turn::Ours(_) | Turn::Skipped => Turn::Ours(TURN),
        };
    }

    /// Bytes not yet taken by the connection.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Whether the client has to take something before more can be written.
    pub(super) fn is_blocked(&self) -> bool {
        self.unsent > 0 && matches!(self.turn, Turn::Ours(_))
    }

    /// Whether memory is counted for what is unsent.
    pub(super) fn holds_memory(&self) -> bool {
        !self.counted.is_empty()
    }

    /// Whether more is unsent than may be without being counted.
    pub(super) fn is_uncounted(&self) -> bool {
        self.unsent > UNCOUNTED && self.uncounted() > UNCOUNTED
    }

    /// Counts what is unsent and was not counted with its answer, if there is memory for it. To be called when the client
    /// does not take what there is: most answers leave at once, and cost nothing here.
    pub(super) fn count_unsent(&mut self, connection: &Connection, memory: &Admission) {
        if self.is_uncounted() {
            let uncounted = self.uncounted();
            let is_within_share = uncounted <= memory.share_left(connection);
            if let Some(reservation) = is_within_share.then(|| memory.try_reserve(uncounted)).flatten() {
                connection.hold_answer_bytes(reservation.bytes());
                self.counted.push_back((0, reservation));
            }
        }
    }

    fn uncounted(&self) -> usize {
        let counted: usize = self.counted.iter().map(|(_, reservation)| reservation.bytes()).sum();
        self.unsent.saturating_sub(counted)
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

    /// Writes until all is out, the connection takes no more, or the turn is over.
    pub(super) fn poll_flush<W>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
        connection: &Connection,
    ) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin,
    {
        while !self.pieces.is_empty() {
            // Whoever has no turn is polled again already.
            let Turn::Ours(left) = self.turn else { return Poll::Pending };
            if left < LEAST_WRITE {
                self.turn = Turn::Over;
                give_way(cx);
                return Poll::Pending;
            }
            let written = if self.pieces.len() <= FEW {
                ready!(self.poll_write::<W, FEW>(io, cx, left))?
            } else {
                ready!(self.poll_write::<W, MOST>(io, cx, left))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.turn = Turn::Ours(left.saturating_sub(written));
            self.advance(written, connection);
        }
        // Given back: an idle connection holds nothing.
        self.pieces = VecDeque::new();
        if self.counted.is_empty() {
            self.counted = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<W, const N: usize>(
        &self,
        io: &mut W,
        cx: &mut Context<'_>,
        mut left: usize,
    ) -> Poll<io::Result<usize>>
    where
        W: AsyncWrite + Unpin,
    {
        if let (1, Some(piece)) = (self.pieces.len(), self.pieces.front()) {
            // What most answers are; a plain send costs the kernel less than a list of one.
            return Pin::new(io).poll_write(cx, piece.get(..left).unwrap_or(piece));
        }
        let mut slices = [IoSlice::new(&[]); N];
        let mut count = 0;
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
    fn advance(&mut self, mut written: usize, connection: &Connection) {
        self.unsent -= written;
        while let Some((_, sent)) = self.counted.pop_front_if(|(behind, _)| *behind >= self.unsent) {
            connection.release_answer_bytes(sent.bytes());
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

/// Has the task polled again once the others that are ready have been.
fn give_way(cx: &mut Context<'_>) {
    let _pending = pin!(yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use chronik_policy::Listener;
    use chronik_types::ErrorCode;
    use chronik_wire::response::encode_response;
    use kafka_protocol::messages::ApiVersionsResponse;
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn others_have_their_turn_before_a_large_answer_has_left() {
        let response = ApiVersionsResponse::default().with_api_keys(vec![ApiVersion::default(); 200_000]);
        let segments = encode_response(0, 0, 1, &response).unwrap();
        let name = "PLAINTEXT".to_owned();
        let listener = Listener { name, advertised_host: "localhost".to_owned(), advertised_port: 9092 };
        let peer = ([127, 0, 0, 1], 1).into();
        let connection = Connection::new(1, peer, Arc::new(listener), CancellationToken::new());
        let mut writer = ResponseWriter::default();
        writer.push(Answer::new(segments, ErrorCode::None));
        let whole = writer.unsent();
        let mut turns = Vec::new();
        poll_fn(|cx| {
            let before = writer.unsent();
            writer.begin_turn(cx);
            let flushed = writer.poll_flush(&mut tokio::io::sink(), cx, &connection);
            // Asked again in the same turn, it sends nothing more.
            let again =
                flushed.is_ready() || writer.poll_flush(&mut tokio::io::sink(), cx, &connection).is_pending();
            assert!(again);
            turns.push(before - writer.unsent());
            flushed
        })
        .await
        .unwrap();
        assert_eq!(turns.iter().sum::<usize>(), whole);
        let (last, full) = turns.split_last().unwrap();
        assert!(full.len() > 4 && full.iter().step_by(2).all(|sent| *sent == TURN), "{turns:?}");
        assert!(full.iter().skip(1).step_by(2).all(|sent| *sent == 0) && *last <= TURN, "{turns:?}");
    }
}
