//! ApiVersions (18), versions 0 to 4 (KIP-35, KIP-511, KIP-584).
//!
//! Answered from the one table of supported APIs. A version that is not served is answered in version 0, with
//! UNSUPPORTED_VERSION and the versions of this API, whatever the body is: the client cannot know better yet. From
//! version 3 on the client tells its software; a name that breaks Kafka's rule gets INVALID_REQUEST.

use std::sync::Arc;

use chronik_policy::{Answer, Call, CloseReason, Reply};
use chronik_types::ErrorCode;
use chronik_wire::api;
use chronik_wire::request::decode_request;
use chronik_wire::response::encode_response;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer::{Response, encode};

/// Answers a call. Takes the whole of it, because a version that is not known cannot be decoded.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { header, mut body, .. } = call;
    if !header.is_supported() {
        return match encode_response(0, 0, header.correlation_id, &unsupported()) {
            Ok(segments) => Reply::Answer(Answer::new(segments, ErrorCode::UnsupportedVersion)),
            Err(error) => Reply::Close(CloseReason::Unencodable(error)),
        };
    }
    let request: ApiVersionsRequest = match decode_request(header.api_version, &mut body) {
        Ok(request) => request,
        Err(malformed) => return Reply::Close(malformed.into()),
    };
    if header.api_version >= 3 {
        let (name, version) = (&request.client_software_name, &request.client_software_version);
        if !is_software_name(name) || !is_software_name(version) {
            return encode(&header, &invalid());
        }
        context.connection_metrics.software(name, version);
    }
    encode(&header, &Response::ok(supported(header.api_version)))
}

fn supported(version: i16) -> ApiVersionsResponse {
    let response = ApiVersionsResponse::default().with_api_keys(api::all().iter().map(api_version).collect());
    if version < 3 {
        return response;
    }
    response
        .with_supported_features(
            FEATURES.iter().filter(|one| one.is_shown(version)).map(Feature::supported).collect(),
        )
        .with_finalized_features_epoch(FEATURES_EPOCH)
        .with_finalized_features(FEATURES.iter().map(Feature::finalized).collect())
}

fn unsupported() -> ApiVersionsResponse {
    let own = api::lookup(api::API_VERSIONS).map(api_version);
    ApiVersionsResponse::default()
        .with_error_code(ErrorCode::UnsupportedVersion.code())
        .with_api_keys(own.into_iter().collect())
}

fn invalid() -> Response<ApiVersionsResponse> {
    let error = ErrorCode::InvalidRequest;
    Response { message: ApiVersionsResponse::default().with_error_code(error.code()), error }
}

fn api_version(api: &api::Api) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(api.key)
        .with_min_version(api.min_version)
        .with_max_version(api.max_version)
}

/// A feature of the cluster (KIP-584): clients choose a protocol by its level, tools tell by it how new a cluster is.
struct Feature {
    name: &'static str,
    /// The least level that Kafka 4 knows.
    min: i16,
    /// The level that is served, which is also the greatest.
    level: i16,
}

impl Feature {
    /// Before version 4 the answer has no features that begin at 0: clients of that time refuse the whole answer.
    const fn is_shown(&self, version: i16) -> bool {
        self.min > 0 || version >= 4
    }

    fn supported(&self) -> SupportedFeatureKey {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(self.name))
            .with_min_version(self.min)
            .with_max_version(self.level)
    }

    fn finalized(&self) -> FinalizedFeatureKey {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_static_str(self.name))
            .with_min_version_level(self.level)
            .with_max_version_level(self.level)
    }
}

/// The features that are on, here and nowhere else.
const FEATURES: [Feature; 3] = [
    // The groups of KIP-848. Clients look for ConsumerGroupHeartbeat instead, Kafka's tools at this.
    Feature { name: "group.version", min: 0, level: 1 },
    // Kafka 4.1, whose messages are spoken here; 7 is Kafka 3.3. Without it tools switch their own features off. What the
    // levels above stand for is not here: 28 share groups, 29 streams groups, 30 log directories that take no more.
    Feature { name: "metadata.version", min: 7, level: 27 },
    // The transactions of KIP-890. From level 2 on the Java producer sends no AddPartitionsToTxn and AddOffsetsToTxn, but
    // Produce 12, TxnOffsetCommit 5 and EndTxn 5.
    Feature { name: "transaction.version", min: 0, level: 2 },
];

/// Grows with every change of [`FEATURES`]: a Java client that has seen an epoch takes notice of a later one alone.
const FEATURES_EPOCH: i64 = 1;

/// Kafka's rule: letters, digits, `-` and `.`, with a letter or digit at both ends.
fn is_software_name(name: &str) -> bool {
    let is_edge = |edge: Option<char>| edge.is_some_and(|c| c.is_ascii_alphanumeric());
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn software_names_follow_kafkas_rule() {
        for good in ["apache-kafka-java", "4.1.0", "a", "librdkafka", "v1.0-rc.2"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", ".1", "a b", "a_b", "ä", "a\n"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
