//! ApiVersions (18), versions 0 to 4 (KIP-35, KIP-511, KIP-584).
//!
//! Answered from the one table of supported APIs. A version that is not served is answered in version 0, with
//! UNSUPPORTED_VERSION and the versions of this API, whatever the body is: the client cannot know better yet. From
//! version 3 on the client tells its software; a name that breaks Kafka's rule gets INVALID_REQUEST.

use std::sync::Arc;

use chronik_policy::{Answer, Call, ClientSoftware, CloseReason, Reply};
use chronik_types::ErrorCode;
use chronik_wire::api;
use chronik_wire::request::decode_request;
use chronik_wire::response::encode_response;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::Context;
use super::answer::{Response, encode};

/// The feature by which tools tell how new a cluster is. Without it they switch their own features off.
const METADATA_VERSION: &str = "metadata.version";
/// Kafka 3.3, the oldest level that Kafka 4 knows.
const METADATA_VERSION_MIN: i16 = 7;
/// Kafka 4.1, whose messages are spoken here.
const METADATA_VERSION_NOW: i16 = 27;

/// Answers a call. Takes the whole of it, because a version that is not known cannot be decoded.
pub(super) async fn answer(context: Arc<Context>, call: Call) -> Reply {
    let Call { connection, header, mut body, .. } = call;
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
        // Copied, because the strings of the request would keep its frame in memory.
        let software = ClientSoftware { name: name.to_string(), version: version.to_string() };
        context.connection_metrics.software(&software);
        connection.name_client_software(software);
    }
    encode(&header, &Response::ok(supported(header.api_version)))
}

fn supported(version: i16) -> ApiVersionsResponse {
    let response = ApiVersionsResponse::default().with_api_keys(api::all().iter().map(api_version).collect());
    if version < 3 {
        return response;
    }
    let name = StrBytes::from_static_str(METADATA_VERSION);
    let supported = SupportedFeatureKey::default()
        .with_name(name.clone())
        .with_min_version(METADATA_VERSION_MIN)
        .with_max_version(METADATA_VERSION_NOW);
    let finalized = FinalizedFeatureKey::default()
        .with_name(name)
        .with_min_version_level(METADATA_VERSION_NOW)
        .with_max_version_level(METADATA_VERSION_NOW);
    response
        .with_supported_features(vec![supported])
        .with_finalized_features_epoch(0)
        .with_finalized_features(vec![finalized])
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
