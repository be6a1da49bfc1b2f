//! One connection of a client and its counterpart to the broker.
//!
//! What is sent to the broker is noted in the same order, because answers come back in it. An answer waits in its slot
//! until all earlier requests of the client have got theirs.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::fault::{Fault, Trap};
use crate::frame::{framed, read_frame, write_frame};

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    broker: TcpStream,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The answers that the broker owes, in order.
    due: VecDeque<Due>,
    /// The answers that the client waits for, in order.
    slots: VecDeque<Option<Bytes>>,
    /// Slots that have been emptied: the number of the first one that is left.
    first_slot: usize,
    /// A request that lets the next one pass.
    overtaken: Option<Letter>,
    /// Requests that a test keeps.
    parked: usize,
    client_gone: bool,
}

/// A request on its way.
#[derive(Debug, Clone)]
struct Letter {
    frame: Bytes,
    due: Due,
}

/// What becomes of an answer.
#[derive(Debug, Clone)]
struct Due {
    trap: Option<Arc<Trap>>,
    to: Recipient,
}

#[derive(Debug, Clone, Copy)]
enum Recipient {
    Slot(usize),
    Nobody,
    /// The client, but its connection ends instead.
    Lost,
}

/// A request that a test keeps.
#[derive(Debug)]
pub(super) struct Parked {
    link: Arc<Link>,
    letter: Letter,
}

impl Parked {
    /// Sends it to the broker; whether that could be done.
    pub(super) fn send(self) -> bool {
        let mut state = self.link.state.lock();
        state.parked = state.parked.saturating_sub(1);
        let sent = self.link.forward(&mut state, self.letter);
        drop(state);
        sent
    }
}

impl Link {
    pub(super) fn new(client: TcpStream, broker: TcpStream) -> Self {
        Self { client, broker, state: Mutex::default() }
    }

    /// Ends both sides.
    pub(super) fn close(&self, how: Shutdown) {
        // One that has ended already is as good.
        let _ = self.client.shutdown(how);
        let _ = self.broker.shutdown(how);
    }

    /// Carries requests until the client has gone.
    pub(super) fn pump_requests(
        self: Arc<Self>,
        mut socket: TcpStream,
        trap: impl Fn(i16) -> Option<Arc<Trap>>,
    ) {
        while let Ok(frame) = read_frame(&mut socket) {
            let Some((api_key, version)) = key_and_version(&frame) else { break };
            self.pass(frame, version, trap(api_key));
        }
        let mut state = self.state.lock();
        state.client_gone = true;
        // Whoever waits for a next request waits in vain.
        if let Some(overtaken) = state.overtaken.take() {
            self.forward(&mut state, overtaken);
        }
        self.close_when_idle(&state);
    }

    /// Carries answers until the broker has gone.
    pub(super) fn pump_answers(self: Arc<Self>, mut socket: TcpStream) {
        while let Ok(answer) = read_frame(&mut socket) {
            let mut state = self.state.lock();
            let Some(due) = state.due.pop_front() else { break };
            if let Some(trap) = &due.trap {
                trap.answered(answer.clone());
            }
            match due.to {
                Recipient::Slot(slot) => self.deliver(&mut state, slot, answer),
                Recipient::Nobody => {}
                Recipient::Lost => {
                    let _ = self.client.shutdown(Shutdown::Both);
                }
            }
            self.close_when_idle(&state);
        }
        self.close(Shutdown::Both);
        for trap in self.state.lock().due.drain(..).filter_map(|due| due.trap) {
            trap.over();
        }
    }

    fn pass(self: &Arc<Self>, frame: Bytes, version: i16, trap: Option<Arc<Trap>>) {
        let mut state = self.state.lock();
        let slot = state.first_slot.saturating_add(state.slots.len());
        state.slots.push_back(None);
        let Some(trap) = trap else {
            let due = Due { trap: None, to: Recipient::Slot(slot) };
            self.forward(&mut state, Letter { frame, due });
            if let Some(overtaken) = state.overtaken.take() {
                self.forward(&mut state, overtaken);
            }
            return;
        };
        let to = |to| Letter { frame: frame.clone(), due: Due { trap: Some(Arc::clone(&trap)), to } };
        let park = |state: &mut State, letter| {
            state.parked = state.parked.saturating_add(1);
            Some(Parked { link: Arc::clone(self), letter })
        };
        let mut parked = None;
        match trap.fault {
            Fault::Hold => parked = park(&mut state, to(Recipient::Slot(slot))),
            Fault::Repeat => {
                self.forward(&mut state, to(Recipient::Slot(slot)));
                parked = park(&mut state, to(Recipient::Nobody));
            }
            Fault::Duplicate => {
                self.forward(&mut state, to(Recipient::Slot(slot)));
                self.forward(&mut state, to(Recipient::Nobody));
            }
            Fault::Swap => state.overtaken = Some(to(Recipient::Slot(slot))),
            Fault::LoseAnswer => {
                self.forward(&mut state, to(Recipient::Lost));
            }
            Fault::Tear(bytes) => {
                let frame = framed(&frame).unwrap_or_default();
                // Whatever arrives: the connection ends.
                let _ = (&self.broker).write_all(frame.get(..bytes).unwrap_or(&frame));
                self.close(Shutdown::Both);
                trap.over();
            }
        }
        drop(state);
        trap.caught(version, parked);
    }

    /// Sends a request to the broker; whether that could be done.
    fn forward(&self, state: &mut State, letter: Letter) -> bool {
        let sent = write_frame(&mut &self.broker, &letter.frame).is_ok();
        if sent {
            state.due.push_back(letter.due);
        } else if let Some(trap) = letter.due.trap {
            trap.over();
        }
        sent
    }

    fn deliver(&self, state: &mut State, slot: usize, answer: Bytes) {
        let place = slot.checked_sub(state.first_slot);
        if let Some(waiting) = place.and_then(|place| state.slots.get_mut(place)) {
            *waiting = Some(answer);
        }
        while let Some(answer) = state.slots.front_mut().and_then(Option::take) {
            state.slots.pop_front();
            state.first_slot = state.first_slot.saturating_add(1);
            // The client may have gone; the broker carries out what it was sent all the same.
            let _ = write_frame(&mut &self.client, &answer);
        }
    }

    /// Ends the broker's side when the client has gone and nothing is on its way any more.
    fn close_when_idle(&self, state: &State) {
        if state.client_gone && state.parked == 0 && state.due.is_empty() {
            self.close(Shutdown::Both);
        }
    }
}

fn key_and_version(frame: &[u8]) -> Option<(i16, i16)> {
    let word = |at: usize| Some(i16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
    Some((word(0)?, word(2)?))
}
