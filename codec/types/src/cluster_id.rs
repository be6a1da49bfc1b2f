//! The id of a cluster.

use crate::newtype::string_newtype;
use crate::{Entropy, TopicId};

string_newtype!(
    /// The id that all gateways of one cluster answer in Metadata and DescribeCluster. Any text; made by us it looks
    /// as Kafka's: 22 characters of URL-safe base64.
    ClusterId
);

impl ClusterId {
    /// Makes a new id.
    #[must_use]
    pub fn random(entropy: &Entropy) -> Self {
        Self::new(&TopicId::random(entropy).to_string())
    }
}
