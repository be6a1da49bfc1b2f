//! How many files the process may have open: each connection is one.
//!
//! The soft limit that shells and systemd set is 1024 nearly everywhere, for programs that use `select`. This one does
//! not, so it takes all that it may have, as the JVM does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: listeners, the log, what is being read of it, the runtime's own.
const BESIDE_CONNECTIONS: u64 = 128;

/// Raises the limit as far as it goes, and says so when the connections of the settings do not fit.
pub(crate) fn raise_limit(max_connections: u32) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, limit = current, "the limit of open files stays as it is");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let needed = u64::from(max_connections) + BESIDE_CONNECTIONS;
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            max_connections,
            open_files = limit,
            needed,
            "limits.max_connections is more than the system lets this process have open: raise its hard limit of open \
             files (LimitNOFILE= in systemd, --ulimit nofile= in Docker, ulimit -Hn in a shell), or lower the setting"
        );
    }
}
