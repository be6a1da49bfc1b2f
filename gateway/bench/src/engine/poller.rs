//! epoll with timeouts finer than a millisecond: `epoll_pwait2` of Linux 5.11, which rustix only calls with its feature
//! `linux_5_11`. Without that it rounds up to whole milliseconds, and whatever is due would go out half of one late.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use chronik_types::{Clock, SystemClock};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::time::{self, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};

use super::pace::Pace;

/// Waits for sockets.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    alarm: Option<Alarm>,
}

/// Ends the waits of a load that sends at equal distances.
struct Alarm {
    timer: OwnedFd,
    pace: Pace,
    clock: SystemClock,
}

/// The token of the alarm, which no socket has.
const ALARM: u64 = u64::MAX;

/// Events taken at once.
const EVENTS: usize = 256;

impl Poller {
    /// A poller that watches nothing yet. The timers of this thread become exact: by default the kernel lets them be
    /// 50 us late, which would be counted as latency.
    pub(crate) fn new() -> io::Result<Self> {
        // Where the kernel refuses, timers are a little late, which does no harm to anything else.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS), alarm: None })
    }

    /// Has waits end before what is due at distances of `period`, so that the caller is awake when it is.
    pub(crate) fn keep_pace(&mut self, period: Duration) -> io::Result<()> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge-triggered, so that it need not be read.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &timer, epoll::EventData::new_u64(ALARM), flags)?;
        self.alarm = Some(Alarm { timer, pace: Pace::new(period), clock: SystemClock::new() });
        Ok(())
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
        let timeout = match &mut self.alarm {
            None => Some(timespec(timeout)),
            Some(alarm) => alarm.set(timeout)?.then(|| timespec(Duration::ZERO)),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let tokens = self.events.iter().map(|event| { event.data }.u64()).filter(|token| *token != ALARM);
        ready.extend(tokens.filter_map(|token| usize::try_from(token).ok()));
        Ok(())
    }
}

impl Alarm {
    /// Sees to it that a wait ends in time for what is due after `left`; whether it should not begin.
    fn set(&mut self, left: Duration) -> io::Result<bool> {
        let plan = self.pace.plan(self.clock.monotonic(), left);
        if let Some(after) = plan.set {
            let once = Itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(after) };
            time::timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        }
        Ok(plan.look)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
