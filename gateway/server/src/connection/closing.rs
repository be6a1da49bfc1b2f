//! Why connections end, and the one line about it: enough to find the client, never more lines than anybody can read.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chronik_policy::CloseReason;
use chronik_types::Clock;
use chronik_wire::frame::FrameError;
use parking_lot::Mutex;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The client closed it.
    #[error("the client closed the connection")]
    ByClient,
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    ByGateway,
    /// The socket failed, most often because the client is gone.
    #[error("the connection failed: {0}")]
    Io(#[source] io::Error),
    /// Nothing happened for too long.
    #[error("nothing happened for {0:?}")]
    Idle(Duration),
    /// A frame began and did not end.
    #[error("a frame did not arrive whole in {0:?}")]
    FrameTimeout(Duration),
    /// A frame stood still, or came too slowly, while others waited for the memory that was reserved for it.
    #[error("a frame arrived at less than 1 MiB/s while others waited for its memory")]
    Stalled,
    /// Answers stood still, or left too slowly, while their memory was needed for others.
    #[error(
        "the client took its answers at less than 256 KiB/s while there was too little memory for those of others"
    )]
    Unread,
    /// The length of a frame is not possible.
    #[error(transparent)]
    Frame(FrameError),
    /// A request cannot be answered.
    #[error("{reason}")]
    Refused {
        /// The number of the API.
        api: i16,
        /// The version of the API.
        version: i16,
        /// What is wrong with it.
        reason: CloseReason,
    },
}

impl Ended {
    /// Whether the client may be there still, with answers on the way to it.
    pub(super) const fn leaves_a_reader(&self) -> bool {
        match self {
            Self::ByGateway | Self::Frame(_) | Self::Refused { .. } => true,
            Self::ByClient
            | Self::Io(_)
            | Self::Idle(_)
            | Self::FrameTimeout(_)
            | Self::Stalled
            | Self::Unread => false,
        }
    }

    /// A short name for metrics.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::ByGateway => "stopping",
            Self::Io(_) => "io",
            Self::Idle(_) => "idle",
            Self::FrameTimeout(_) => "frame_timeout",
            Self::Stalled => "frame_stalled",
            Self::Unread => "answer_stalled",
            Self::Frame(_) => "frame_length",
            Self::Refused { reason, .. } => reason.name(),
        }
    }
}

/// Writes a line for each connection that is closed because of what its client sent, up to a limit.
#[derive(Debug)]
pub(crate) struct ClosingLog {
    clock: Arc<dyn Clock>,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    start: Duration,
    lines: u32,
    suppressed: u64,
}

/// The length of a window, and the lines in one.
const WINDOW: Duration = Duration::from_secs(10);
const LINES: u32 = 20;

impl ClosingLog {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, window: Mutex::default() }
    }

    /// Tells of the end of a connection, if it is one to tell of.
    pub(crate) fn tell(&self, peer: SocketAddr, listener: &str, ended: &Ended) {
        match ended {
            Ended::ByClient | Ended::ByGateway | Ended::Io(_) | Ended::Idle(_) => {
                tracing::debug!(%peer, listener, reason = %ended, "connection ended");
            }
            Ended::FrameTimeout(_) | Ended::Stalled | Ended::Unread | Ended::Frame(_) => {
                if self.admits_line() {
                    tracing::warn!(%peer, listener, reason = %ended, "closing the connection");
                }
            }
            Ended::Refused { api, version, reason } => {
                if self.admits_line() {
                    tracing::warn!(%peer, listener, api, version, %reason, "closing the connection");
                }
            }
        }
    }

    /// Tells of a connection that was not let in.
    pub(crate) fn refused(&self, peer: SocketAddr, listener: &str, reason: &dyn std::fmt::Display) {
        if self.admits_line() {
            tracing::warn!(%peer, listener, %reason, "refusing the connection");
        }
    }

    /// Tells that no connection can be accepted at the moment.
    pub(crate) fn accept_failed(&self, listener: &str, error: &io::Error) {
        if self.admits_line() {
            tracing::error!(listener, %error, "cannot accept connections");
        }
    }

    fn admits_line(&self) -> bool {
        let now = self.clock.monotonic();
        let (admitted, suppressed) = self.window.lock().count(now);
        if suppressed > 0 {
            tracing::warn!(suppressed, "more connections were closed or refused than are shown");
        }
        admitted
    }
}

impl Window {
    /// Whether a line may be written now, and how many were not in the window before.
    fn count(&mut self, now: Duration) -> (bool, u64) {
        let mut suppressed = 0;
        if now.saturating_sub(self.start) >= WINDOW {
            suppressed = self.suppressed;
            *self = Self { start: now, ..Self::default() };
        }
        if self.lines < LINES {
            self.lines += 1;
            return (true, suppressed);
        }
        self.suppressed += 1;
        (false, suppressed)
    }
}
