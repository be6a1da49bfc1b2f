//! What an acknowledgement of a broker means, as far as it tells.
//!
//! Apache Kafka tells by `flush.messages` of the topic: 1 syncs each batch before it is acknowledged (D1), anything
//! else leaves it to the operating system (D0). Others report that setting without following it, so what it is worth is
//! said with it.

use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::protocol::StrBytes;

use crate::control::Control;
use crate::error::BenchError;

const TOPIC: i8 = 2;
const KEY: &str = "flush.messages";
const UNKNOWN: &str = "unknown; say it with --durability NAME";

/// The durability class of a topic, in words. A broker that cannot be asked leaves it unknown.
pub(crate) fn durability(control: &mut Control, topic: &str) -> String {
    match flush_messages(control, topic) {
        Ok(Some(flush)) => described(&flush),
        Ok(None) | Err(_) => UNKNOWN.to_owned(),
    }
}

/// The value of `flush.messages` and what the broker says about it.
#[derive(Debug)]
struct FlushMessages {
    value: String,
    documentation: String,
}

fn described(flush: &FlushMessages) -> String {
    // chronik takes the setting for compatibility and says so.
    if flush.documentation.starts_with("Accepted and reported") {
        return UNKNOWN.to_owned();
    }
    match flush.value.as_str() {
        "1" => "D1: synced before it is acknowledged, if the broker follows flush.messages=1".to_owned(),
        value => format!(
            "D0: acknowledged from the page cache, if the broker is Apache Kafka (flush.messages={value})"
        ),
    }
}

fn flush_messages(control: &mut Control, topic: &str) -> Result<Option<FlushMessages>, BenchError> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(StrBytes::from_string(topic.to_owned()))
        .with_configuration_keys(Some(vec![StrBytes::from_static_str(KEY)]));
    // Documentation is there from version 3 on.
    let documented = control.version(32, (3, 4)).is_some();
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_documentation(documented);
    let answer = control.call("DescribeConfigs", &request)?;
    let found = answer.results.iter().flat_map(|result| &result.configs).find(|config| &*config.name == KEY);
    let text = |text: &Option<StrBytes>| text.as_ref().map(ToString::to_string);
    Ok(found.and_then(|config| {
        Some(FlushMessages {
            value: text(&config.value)?,
            documentation: text(&config.documentation).unwrap_or_default(),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::{FlushMessages, UNKNOWN, described};

    #[test]
    fn only_what_is_followed_counts() {
        let flush = |value: &str, documentation: &str| {
            described(&FlushMessages { value: value.to_owned(), documentation: documentation.to_owned() })
        };
        assert!(flush("1", "Forces a sync after so many messages.").starts_with("D1"));
        assert!(flush("9223372036854775807", "").starts_with("D0"));
        assert_eq!(flush("1", "Accepted and reported. Not followed."), UNKNOWN);
    }
}
