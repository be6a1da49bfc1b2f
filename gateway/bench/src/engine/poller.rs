//! epoll with timeouts finer than a millisecond: `epoll_pwait2` of Linux 5.11, which rustix only calls with its feature
//! `linux_5_11`. Without that it rounds up to whole milliseconds, and whatever is due would go out half of one late.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

/// Waits for sockets.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

/// Events taken at once.
const EVENTS: usize = 256;

impl Poller {
    /// A poller that watches nothing yet. The timers of this thread become exact: by default the kernel lets them be
    /// 50 us late, which would be counted as latency.
    pub(crate) fn new() -> io::Result<Self> {
        // Where the kernel refuses, timers are a little late, which does no harm to anything else.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS) })
    }

    /// Watches a socket, edge-triggered in both directions: it is reported when it becomes readable or writable, so
    /// whoever gets the event reads and writes until the socket would block.
    pub(crate) fn watch(&self, socket: impl AsFd, token: usize) -> io::Result<()> {
        use epoll::EventFlags as Flags;
        let data = epoll::EventData::new_u64(u64::try_from(token).unwrap_or(u64::MAX));
        epoll::add(&self.epoll, socket, data, Flags::IN | Flags::OUT | Flags::RDHUP | Flags::ET)?;
        Ok(())
    }

    /// Waits at most `timeout` and puts the tokens of what is ready into `ready`.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<usize>) -> io::Result<()> {
        ready.clear();
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().filter_map(|event| usize::try_from({ event.data }.u64()).ok()));
        Ok(())
    }
}
