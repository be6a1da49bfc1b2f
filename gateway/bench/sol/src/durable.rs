//! Durable broker: a frame is received into aligned memory, checksummed, written past the page cache with the frames that
//! wait beside it, and answered when it is on disk.
//!
//! One thread receives. A few threads write: whoever is free takes all frames that wait, up to a limit, so that groups
//! grow by themselves when the disk is busy. Answers leave in the order of the frames. There is no copy: a frame is read from
//! the socket to where it is written from.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::TcpStream;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::aligned::Aligned;
use crate::ping::round_trips;
use crate::scratch::Scratch;
use crate::stream::{Load, Shape, listen, load};
use crate::time::thread_cpu_seconds;
use crate::{Cores, Durable, Latency, SolError, pin_current_thread};

/// Frames of this size, as many in flight as fill 4 MiB.
pub(crate) fn throughput(
    scratch: &Scratch,
    frame_bytes: usize,
    cores: Cores,
    seconds: f64,
) -> Result<Durable, SolError> {
    let shape = Shape {
        connections: 1,
        window: IN_FLIGHT_BYTES / frame_bytes,
        request_bytes: HEADER + frame_bytes,
        answer_bytes: ANSWER,
    };
    let broker = Broker::new(scratch, frame_bytes, shape.window + 2);
    let listener = listen()?;
    let address = listener.local_addr().map_err(SolError::at("listen"))?;
    let (served, wrote, sent) = thread::scope(|scope| {
        let client = scope.spawn(|| load(address, shape, cores, seconds));
        let accepted = listener.accept().map_err(SolError::at("accept"));
        let broker = &broker;
        let mut writers = Vec::new();
        let served = accepted.and_then(|(socket, _)| {
            for _ in 0..WRITERS {
                let answers = socket.try_clone().map_err(SolError::at("accept"))?;
                writers.push(scope.spawn(move || {
                    pin_current_thread(cores.server)?;
                    broker.write(answers)
                }));
            }
            let receiver = scope.spawn(move || {
                let done = pin_current_thread(cores.server).and_then(|()| broker.receive(socket));
                broker.close();
                done
            });
            joined(receiver.join())
        });
        broker.close();
        let wrote: Result<f64, SolError> = writers.into_iter().map(|writer| joined(writer.join())).sum();
        (served, wrote, joined(client.join()))
    });
    let cpu_seconds = served? + wrote?;
    Ok(broker.report(&sent?, cpu_seconds))
}

/// One frame at a time, written by the thread that received it.
pub(crate) fn round_trip(
    scratch: &Scratch,
    frame_bytes: usize,
    cores: Cores,
    seconds: f64,
) -> Result<Latency, SolError> {
    let listener = listen()?;
    let address = listener.local_addr().map_err(SolError::at("listen"))?;
    let (served, measured) = thread::scope(|scope| {
        let server = scope.spawn(|| {
            pin_current_thread(cores.server)?;
            let (socket, _) = listener.accept().map_err(SolError::at("accept"))?;
            write_one_by_one(scratch, frame_bytes, socket)
        });
        let client =
            scope.spawn(|| round_trips(address, HEADER + frame_bytes, ANSWER, cores.client, seconds));
        (joined(server.join()), joined(client.join()))
    });
    served?;
    measured
}

fn write_one_by_one(scratch: &Scratch, frame_bytes: usize, mut socket: TcpStream) -> Result<(), SolError> {
    socket.set_nodelay(true).map_err(SolError::at("accept"))?;
    let mut memory = Aligned::new(frame_bytes);
    let mut at = 0;
    while receive_frame(&mut socket, &mut memory).map_err(SolError::at("receive"))? {
        scratch.write(&[IoSlice::new(memory.bytes())], at, true).map_err(SolError::at("write"))?;
        at = (at + frame_bytes as u64) % scratch.len();
        socket.write_all(&[0; ANSWER]).map_err(SolError::at("answer"))?;
    }
    Ok(())
}

/// Reads a header and a frame, and puts the frame's checksum in front of it; `false` when the client has left.
fn receive_frame(socket: &mut TcpStream, memory: &mut Aligned) -> io::Result<bool> {
    let mut header = [0; HEADER];
    let mut done = 0;
    let whole = HEADER + memory.bytes().len();
    while done < whole {
        let rest_of_header = header.get_mut(done..).unwrap_or_default();
        let rest_of_frame = memory.bytes_mut().get_mut(done.saturating_sub(HEADER)..).unwrap_or_default();
        let mut parts = [IoSliceMut::new(rest_of_header), IoSliceMut::new(rest_of_frame)];
        match socket.read_vectored(&mut parts) {
            Ok(0) => return Ok(false),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, memory.bytes());
    if let Some(front) = memory.bytes_mut().first_chunk_mut() {
        *front = checksum.to_le_bytes();
    }
    Ok(true)
}

/// What receiver and writers share.
#[derive(Debug)]
struct Broker<'a> {
    scratch: &'a Scratch,
    frame_bytes: usize,
    state: Mutex<State>,
    /// A frame waits for a writer, or nothing will come any more.
    work: Condvar,
    /// Memory has been given back.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    free: Vec<Aligned>,
    waiting: VecDeque<Aligned>,
    /// Where the next group goes.
    at: u64,
    /// Number of the next group.
    next: u64,
    /// The oldest group that is not on disk.
    oldest: u64,
    /// Frames of the groups that are on disk before an older one is.
    early: BTreeMap<u64, usize>,
    groups: u64,
    frames: u64,
    closed: bool,
}

impl<'a> Broker<'a> {
    fn new(scratch: &'a Scratch, frame_bytes: usize, frames: usize) -> Self {
        let free = (0..frames).map(|_| Aligned::new(frame_bytes)).collect();
        Self {
            scratch,
            frame_bytes,
            state: Mutex::new(State { free, ..State::default() }),
            work: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Takes frames from the socket until the client leaves; gives the CPU seconds of this thread.
    fn receive(&self, mut socket: TcpStream) -> Result<f64, SolError> {
        while let Some(mut memory) = self.memory() {
            if !receive_frame(&mut socket, &mut memory).map_err(SolError::at("receive"))? {
                break;
            }
            self.state.lock().waiting.push_back(memory);
            self.work.notify_one();
        }
        Ok(thread_cpu_seconds())
    }

    /// Memory for a frame; `None` when the writers have failed.
    fn memory(&self) -> Option<Aligned> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(memory) = state.free.pop() {
                return Some(memory);
            }
            self.room.wait(&mut state);
        }
    }

    /// Writes groups until nothing comes any more; gives the CPU seconds of this thread.
    fn write(&self, mut answers: TcpStream) -> Result<f64, SolError> {
        let done = self.write_groups(&mut answers);
        if done.is_err() {
            self.close();
        }
        done.map(|()| thread_cpu_seconds())
    }

    fn write_groups(&self, answers: &mut TcpStream) -> Result<(), SolError> {
        while let Some((number, at, group)) = self.take() {
            let parts: Vec<IoSlice<'_>> = group.iter().map(|memory| IoSlice::new(memory.bytes())).collect();
            self.scratch.write(&parts, at, true).map_err(SolError::at("write"))?;
            let frames = self.finish(number, group);
            // The client may have left: then nobody waits for the answer.
            let _left = answers.write_all(&vec![0; frames * ANSWER]);
        }
        Ok(())
    }

    /// The frames that wait, with the number and the place of their group.
    fn take(&self) -> Option<(u64, u64, Vec<Aligned>)> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            self.work.wait(&mut state);
        }
        let frames = state.waiting.len().min((GROUP_BYTES / self.frame_bytes).max(1));
        let group: Vec<Aligned> = state.waiting.drain(..frames).collect();
        let bytes = (frames * self.frame_bytes) as u64;
        let at = if state.at + bytes > self.scratch.len() { 0 } else { state.at };
        state.at = at + bytes;
        state.next += 1;
        Some((state.next - 1, at, group))
    }

    /// Gives memory back; the frames that may be answered now, in order.
    fn finish(&self, number: u64, group: Vec<Aligned>) -> usize {
        let mut state = self.state.lock();
        state.groups += 1;
        state.frames += group.len() as u64;
        state.early.insert(number, group.len());
        state.free.extend(group);
        let mut frames = 0;
        loop {
            let oldest = state.oldest;
            let Some(durable) = state.early.remove(&oldest) else { break };
            frames += durable;
            state.oldest += 1;
        }
        drop(state);
        self.room.notify_one();
        frames
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    fn report(&self, load: &Load, cpu_seconds: f64) -> Durable {
        let state = self.state.lock();
        let per_second = load.requests as f64 / load.seconds;
        let gib_written = state.frames as f64 * self.frame_bytes as f64 / f64::from(1 << 30);
        Durable {
            frame_bytes: self.frame_bytes,
            frames_per_second: per_second,
            gigabytes_per_second: per_second * self.frame_bytes as f64 / 1e9,
            bytes_per_write: state.frames as f64 * self.frame_bytes as f64 / state.groups.max(1) as f64,
            server_cpu_seconds_per_gib: cpu_seconds / gib_written,
        }
    }
}

fn joined<T>(result: thread::Result<Result<T, SolError>>) -> Result<T, SolError> {
    result.unwrap_or_else(|_| Err(SolError::other("run a thread", "it panicked")))
}

/// Length of the frame that follows, and room for what a protocol says about it.
const HEADER: usize = 16;
const ANSWER: usize = 8;
/// What the rows that are compared with it have in flight too: 64 requests of 64 KiB.
const IN_FLIGHT_BYTES: usize = 4 << 20;
const GROUP_BYTES: usize = 1 << 20;
const WRITERS: usize = 4;
