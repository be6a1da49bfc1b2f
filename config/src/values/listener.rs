//! Addresses: `host:port`, and Kafka's `NAME://host:port`.

use std::fmt;
use std::net::IpAddr;

use super::choice::choices;
use super::{Raw, SettingValue, quoted};

choices! {
    /// How a listener protects its connections.
    pub enum SecurityProtocol {
        /// Not at all.
        Plaintext = "PLAINTEXT",
    }
}

/// Kafka's other protocols, which are known but not offered.
const NOT_OFFERED: [&str; 3] = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// A host name or IP address and a port. Port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl HostPort {
    /// That address.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// Whether a socket bound here hears every address of the machine.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.host.is_empty() || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port (0 to 65535)"))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bracketed {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => Ok(Self::new(inner, port)),
            Some(inner) => Err(format!("{inner:?} is not an IPv6 address")),
            None if host.contains(':') => Err("an IPv6 address needs brackets: [::1]:9092".to_owned()),
            None => match host.chars().find(|c| !c.is_ascii_alphanumeric() && !"-._".contains(*c)) {
                Some(c) => Err(format!("{c:?} cannot be in a host name")),
                None => Ok(Self::new(host, port)),
            },
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl SettingValue for HostPort {
    fn expected() -> String {
        "an address such as \"127.0.0.1:9644\" or \"[::1]:9644\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        let address = Self::parse(raw.text().ok_or(None)?).map_err(Some)?;
        if address.host.is_empty() { Err(Some("the host is missing".to_owned())) } else { Ok(address) }
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// An address that Kafka clients connect to, under a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// The name, in capitals; clients do not see it.
    pub name: String,
    /// How its connections are protected; named as the listener.
    pub protocol: SecurityProtocol,
    /// Where it is. An empty host in `listeners` binds every address, as in Kafka.
    pub address: HostPort,
}

impl Listener {
    /// A plaintext listener of that protocol's name.
    #[must_use]
    pub fn plaintext(host: &str, port: u16) -> Self {
        let protocol = SecurityProtocol::Plaintext;
        Self { name: protocol.name().to_owned(), protocol, address: HostPort::new(host, port) }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once("://").ok_or("it has no NAME:// in front")?;
        let name = name.to_ascii_uppercase();
        if name.is_empty() || name.chars().any(|c| !c.is_ascii_alphanumeric() && c != '_' && c != '-') {
            return Err(format!("{name:?} is not a listener name (letters, digits, - and _)"));
        }
        if NOT_OFFERED.contains(&name.as_str()) {
            return Err(format!("the protocol {name} is not there yet; only PLAINTEXT is"));
        }
        let address = HostPort::parse(address)?;
        Ok(Self { name, protocol: SecurityProtocol::Plaintext, address })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.address)
    }
}

impl SettingValue for Listener {
    fn expected() -> String {
        "a listener such as \"PLAINTEXT://127.0.0.1:9092\"".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        Self::parse(raw.text().ok_or(None)?).map_err(Some)
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.to_string())
    }
}
