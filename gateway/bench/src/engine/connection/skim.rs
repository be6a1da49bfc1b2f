//! Answers of which only parts are looked at. The rest is copied to the same memory again and again, which is what receiving costs
//! every client; or, if wanted, thrown away by the kernel (`MSG_TRUNC`), so that this one pays for no copy.

use std::io::ErrorKind;
use std::ops::Range;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::{Connection, PREFIX, Slot};
use crate::error::BenchError;
use crate::frames::Malformed;

/// What was made of the bytes that have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// So many were read.
    pub(crate) bytes: usize,
    /// So many behind those are of no interest, whether they have arrived or not.
    pub(crate) skip: usize,
}

/// Where a connection stands in an answer.
#[derive(Debug, Default)]
pub(super) struct Skimmed {
    /// Bytes of the answer that have neither been used nor skipped.
    left: usize,
    /// Bytes to pass over that have not arrived.
    skip: usize,
    /// Whether little is read at a time, because most of what follows is thrown away.
    sparse: bool,
}

/// What is read at a time while more than that is thrown away.
const SPARSE: usize = 4096;

impl<T: Default> Connection<T> {
    /// Reads what has arrived. `part` gets the slot of its request and bytes of its answer, which follow what it used
    /// before, without the correlation id, and how many bytes of the answer there are from the first of these on; it gets
    /// those again that it did not use. The answer ends with what is used or skipped last. `api` is what errors call it.
    pub(crate) fn skim(
        &mut self,
        api: &'static str,
        mut part: impl FnMut(&mut Slot<T>, &[u8], usize) -> Result<Used, Malformed>,
    ) -> Result<(), BenchError> {
        loop {
            let (wanted, arrived) = if self.skimmed.skip > 0 { self.pass_over()? } else { self.read_some()? };
            self.take_parts(api, &mut part)?;
            // Less than was asked for: the socket is empty, and says so when it is not.
            if arrived < wanted {
                return Ok(());
            }
        }
    }

    /// Takes what was skipped off the socket; gives what was asked for and what had arrived of it.
    fn pass_over(&mut self) -> Result<(usize, usize), BenchError> {
        let wanted = self.skimmed.skip.min(self.input.len());
        // When it is thrown away the memory is named, because the kernel wants to know how much, and is not written.
        let flags = if self.discards { RecvFlags::TRUNC } else { RecvFlags::empty() };
        let arrived = self.receive_into(0..wanted, flags)?;
        self.skimmed.skip -= arrived;
        Ok((wanted, arrived))
    }

    /// Reads what follows; gives what was asked for and what had arrived of it.
    fn read_some(&mut self) -> Result<(usize, usize), BenchError> {
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.input.len() {
            self.input.resize(2 * self.end, 0);
        }
        let room = self.input.len() - self.end;
        let wanted = if self.skimmed.sparse { room.min(SPARSE) } else { room };
        let arrived = self.receive_into(self.end..self.end + wanted, RecvFlags::empty())?;
        self.end += arrived;
        Ok((wanted, arrived))
    }

    /// Receives into that part of the input; 0 when nothing has arrived.
    fn receive_into(&mut self, place: Range<usize>, flags: RecvFlags) -> Result<usize, BenchError> {
        loop {
            let place = self.input.get_mut(place.clone()).unwrap_or_default();
            match recv(&self.socket, place, flags) {
                Ok((_, 0)) => return Err(self.failed(ErrorKind::UnexpectedEof.into())),
                Ok((_, arrived)) => return Ok(arrived),
                Err(Errno::AGAIN) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed(errno.into())),
            }
        }
    }

    /// Hands on what has arrived.
    fn take_parts(
        &mut self,
        api: &'static str,
        part: &mut impl FnMut(&mut Slot<T>, &[u8], usize) -> Result<Used, Malformed>,
    ) -> Result<(), BenchError> {
        while self.start < self.end {
            if self.skimmed.left == 0 && !self.begin_answer()? {
                return Ok(());
            }
            let pending = self.input.get(self.start..self.end).unwrap_or_default();
            let arrived = pending.get(..self.skimmed.left).unwrap_or(pending);
            let (whole, left) = (arrived.len() == self.skimmed.left, self.skimmed.left);
            let at = self.at(self.answered);
            let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
            let used = part(slot, arrived, left);
            let total = used.ok().map(|used| used.bytes + used.skip);
            let Some(total) = total.filter(|total| *total <= left && (*total > 0 || !whole)) else {
                let what = format!("{left} bytes");
                return Err(BenchError::Protocol { address: self.address.clone(), api, what });
            };
            let there = total.min(arrived.len());
            self.start += there;
            self.skimmed.left -= total;
            self.skimmed.skip = total - there;
            if self.skimmed.skip > 0 {
                self.skimmed.sparse = self.discards && self.skimmed.skip > SPARSE;
            }
            if self.skimmed.left == 0 {
                self.answered += 1;
            }
            if total == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes the length and the correlation id of the next answer; `false` when they have not arrived.
    fn begin_answer(&mut self) -> Result<bool, BenchError> {
        let pending = self.input.get(self.start..self.end).unwrap_or_default();
        let Some((length, rest)) = pending.split_first_chunk() else { return Ok(false) };
        let Some(id) = rest.first_chunk() else { return Ok(false) };
        self.check_due(*id)?;
        self.skimmed.left = self.checked_length(*length)? - PREFIX;
        self.start += 2 * PREFIX;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::engine::Poller;

    /// An answer to request `id`: numbers, and after each so many bytes that nobody wants.
    fn answer(id: i32, numbers: &[u32]) -> Vec<u8> {
        let part = |number: &u32| {
            let unwanted = vec![0xff; usize::try_from(*number).expect("small")];
            [number.to_be_bytes().to_vec(), unwanted].concat()
        };
        let body = [id.to_be_bytes().to_vec(), numbers.iter().flat_map(part).collect()].concat();
        [u32::try_from(body.len()).expect("small").to_be_bytes().to_vec(), body].concat()
    }

    /// Reads numbers off what has arrived, and skips what follows each.
    fn numbers(arrived: &[u8], found: &mut Vec<u32>) -> Used {
        let Some(number) = arrived.first_chunk() else { return Used::default() };
        let number = u32::from_be_bytes(*number);
        found.push(number);
        Used { bytes: 4, skip: usize::try_from(number).expect("small") }
    }

    /// Sends requests and gives the numbers in their answers, which are `answers`, or what went wrong.
    fn skim(requests: usize, answers: Vec<u8>, discards: bool) -> Result<Vec<Vec<u32>>, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let mut connection = Connection::<Vec<u32>>::open(&address, 8, 1024)?.discarding(discards);
        let (mut peer, _) = listener.accept().expect("the connection");
        let peer = std::thread::spawn(move || {
            let mut request = [0; 8];
            (0..requests).for_each(|_| peer.read_exact(&mut request).expect("a request"));
            // Who has seen enough goes.
            let _gone = answers.chunks(30_000).try_for_each(|chunk| peer.write_all(chunk));
        });
        for _ in 0..requests {
            let (slot, id) = connection.free_slot().expect("a free slot");
            slot.head.extend_from_slice(&[0; 4]);
            slot.head.extend_from_slice(&id.to_be_bytes());
            slot.finish();
            connection.filled();
        }
        connection.flush(&[])?;
        let mut poller = Poller::new().expect("an epoll");
        connection.watch(&poller, 0)?;
        let (mut found, mut ready) = (Vec::new(), Vec::new());
        while connection.in_flight() > 0 {
            poller.wait(Duration::from_secs(10), &mut ready).expect("events");
            connection.skim("Numbers", |slot, arrived, left| {
                let used = numbers(arrived, &mut slot.tag);
                if used.bytes + used.skip == left {
                    found.push(std::mem::take(&mut slot.tag));
                }
                Ok(used)
            })?;
        }
        peer.join().expect("the peer");
        Ok(found)
    }

    #[test]
    fn parts_are_read_and_what_lies_between_them_is_passed_over() {
        let sizes = [&[0, 1, 5_000, 3_000_000, 7][..], &[90_000, 2_000, 2_000, 900_000], &[0]];
        let answers: Vec<_> = (0..).zip(sizes).flat_map(|(id, sizes)| answer(id, sizes)).collect();
        for discards in [false, true] {
            assert_eq!(skim(3, answers.clone(), discards).expect("answers"), sizes, "discards: {discards}");
        }
    }

    #[test]
    fn answers_come_in_the_order_of_the_requests() {
        let answers = [answer(0, &[3]), answer(2, &[3])].concat();
        assert!(matches!(skim(3, answers, false), Err(BenchError::Protocol { .. })));
    }

    #[test]
    fn a_part_ends_within_its_answer() {
        let mut bytes = answer(0, &[100]);
        bytes[3] -= 1;
        assert!(matches!(skim(1, bytes, false), Err(BenchError::Protocol { .. })));
        assert!(matches!(skim(1, answer(0, &[]), false), Err(BenchError::Protocol { .. })), "nothing at all");
    }
}
