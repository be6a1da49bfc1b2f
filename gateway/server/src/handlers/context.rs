//! What handlers work with: the broker, the settings, and what the sessions of clients keep.

use std::sync::Arc;

use chronik_broker::Broker;
use chronik_config::Settings;
use chronik_policy::{Admission, ConnectionMetrics};
use chronik_types::NodeId;

use super::answer_memory::AnswerMemory;
use super::fetch::SessionCache;
use super::metadata::MetadataOfAll;

/// Shared by all handlers of a server.
#[derive(Debug)]
pub(crate) struct Context {
    /// Topics, partitions and everything that is done with them. [`Broker::settings`] has the settings in force, with
    /// what was changed since the start.
    pub(crate) broker: Arc<Broker>,
    /// The settings as they were loaded.
    pub(crate) settings: Settings,
    /// What clients that fetch incrementally were told.
    pub(crate) fetch_sessions: SessionCache,
    /// Answers about all topics, which are large and often the same.
    pub(crate) metadata_of_all: MetadataOfAll,
    /// The memory that answers may take until their clients have read them.
    pub(crate) answer_memory: AnswerMemory,
    /// The memory that the elements of requests may take, beyond what their frames are counted as.
    pub(crate) element_memory: Admission,
    /// The memory that fetches may keep while they wait.
    pub(crate) waiting_memory: Admission,
    /// Where connections are counted.
    pub(crate) connection_metrics: Arc<ConnectionMetrics>,
}

impl Context {
    /// The id under which this gateway appears as a broker.
    pub(crate) fn node_id(&self) -> NodeId {
        self.broker.node_id()
    }
}
