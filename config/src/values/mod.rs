//! The types a setting can have: how each is written in TOML, in one line of text, and in Kafka's own notation.
//!
//! Every type reads a [`Raw`] value and says in words what it would have accepted. Sections ([`crate::sections`]) only
//! name types; none of them parses anything.

mod choice;
mod duration;
mod limit;
mod listener;
mod plain;
mod size;

pub use choice::{
    Backend, BrokerCompression, CleanupPolicy, ConsumerAssignor, ConsumerMigration, Durability, LogFormat,
    RebalanceProtocol, ReplicationFactorPolicy,
};
pub use limit::{Millis, SizeLimit, SocketBuffer, TimeLimit};
pub use listener::{HostPort, Listener, SecurityProtocol};
pub use size::ByteSize;

/// A value as it was written, before a setting has read it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML float.
    Float(f64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array.
    List(Vec<Self>),
    /// A TOML value that no setting takes, by the name of its type.
    Other(&'static str),
    /// Text from the environment, from a flag or from Kafka: its setting decides what it stands for.
    Loose(String),
}

impl Raw {
    /// The text, for the types that are written as one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Loose(text) => Some(text.trim()),
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// The integer, also out of loose text.
    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Loose(text) => text.trim().parse().ok(),
            Self::Text(_) | Self::Float(_) | Self::Boolean(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// What kind of value this is, for "expected a size, found an array".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Loose(_) => "text",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "an array",
            Self::Other(kind) => kind,
        }
    }
}

/// A type that a setting can have.
pub(crate) trait SettingValue: Sized {
    /// What is accepted, as the end of the sentence "expected …".
    fn expected() -> String;

    /// Reads the value.
    ///
    /// # Errors
    /// What is wrong with it, in words; `None` where [`SettingValue::expected`] says it all.
    fn read(raw: &Raw) -> Result<Self, Option<String>>;

    /// As it is written in TOML; `None` for an optional setting that is not set.
    fn toml(&self) -> Option<String>;

    /// Reads the value as Kafka writes it.
    ///
    /// # Errors
    /// As [`SettingValue::read`].
    fn read_kafka(text: &str) -> Result<Self, Option<String>> {
        Self::read(&Raw::Loose(text.to_owned()))
    }

    /// As Kafka writes it: plain numbers, milliseconds, bytes, lists by comma; `None` is Kafka's null.
    fn kafka(&self) -> Option<String>;
}

/// `text` as a TOML basic string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
