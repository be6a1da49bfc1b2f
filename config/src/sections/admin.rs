//! `[admin]`: the HTTP interface for operators.

use super::section;
use crate::values::HostPort;

section! {
    /// The HTTP interface for operators: probes, metrics, version.
    pub struct AdminSettings as SECTION at admin {
        /// The address to listen on.
        listen: HostPort = HostPort::new("127.0.0.1", 9644);
    }
}
