//! The settings of the gateway: sections, loading, checking, and Kafka's names for them.
//!
//! [`Settings`] is what the rest of the program takes its parts from. Loading layers defaults, a TOML file, the
//! environment and flags, and refuses whatever it does not understand, with the place it came from. Nothing here logs,
//! prints or exits: every outcome is a value.

mod check;
mod error;
mod import;
pub mod kafka;
mod load;
mod sections;
mod text;
mod values;

pub use error::{ConfigError, ConfigErrors, Origin, Origins};
pub use import::{ImportError, import_properties};
pub use load::{CONFIG_VARIABLE, Loaded, Sources};
pub use sections::{
    AdminSettings, GroupSettings, KafkaSettings, LimitSettings, LogSettings, MemorySettings, Settings,
    StorageSettings, TopicSettings, TransactionSettings, WalSettings,
};
pub use text::{check_file, default_text, show_text};
pub use values::{
    Backend, BrokerCompression, ByteSize, CleanupPolicy, ConsumerAssignor, ConsumerMigration, Durability,
    HostPort, Listener, LogFormat, Millis, RebalanceProtocol, ReplicationFactorPolicy, SecurityProtocol,
    SizeLimit, SocketBuffer, TimeLimit,
};
