//! Settings that take one of a few words.

use std::fmt;

use chronik_types::{CompressionType, TimestampType};

use super::{Raw, SettingValue, quoted};

/// Declares an enum whose cases are written as words, the first being the default.
macro_rules! choices {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $(#[$first_meta:meta])* $first:ident = $first_word:literal,
        $($(#[$case_meta:meta])* $case:ident = $word:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $(#[$first_meta])*
            #[default]
            $first,
            $($(#[$case_meta])* $case,)*
        }

        impl $name {
            /// Every choice, the default first.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$case,)*];

            /// The word for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$case => $word,)*
                }
            }

            /// The choice with that word.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl SettingValue for $name {
            fn expected() -> String {
                let words: Vec<&str> = Self::ALL.iter().map(|choice| choice.name()).collect();
                $crate::values::choice::one_of(&words)
            }

            fn read(raw: &Raw) -> Result<Self, Option<String>> {
                raw.text().and_then(Self::from_name).ok_or(None)
            }

            fn toml(&self) -> Option<String> {
                Some(quoted(self.name()))
            }

            fn kafka(&self) -> Option<String> {
                Some(self.name().to_owned())
            }
        }
    };
}
pub(crate) use choices;

/// `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

choices! {
    /// Where everything durable is kept.
    pub enum Backend {
        /// The write-ahead log on local disks.
        Wal = "wal",
        /// Nothing outlives the process.
        Memory = "memory",
    }
}

choices! {
    /// What an acknowledgement promises.
    pub enum Durability {
        /// On disk: it outlives a power cut.
        Fsync = "fsync",
        /// In the page cache: it outlives the process, not the machine. Kafka's own default.
        Os = "os",
    }
}

choices! {
    /// What happens to a replication factor that a client asks for.
    pub enum ReplicationFactorPolicy {
        /// Any is accepted and reported back: the storage keeps the copies.
        Any = "any",
        /// More than there are brokers is refused, as Kafka does.
        Strict = "strict",
    }
}

choices! {
    /// How log lines are written.
    pub enum LogFormat {
        /// Text on a terminal, JSON otherwise.
        Auto = "auto",
        /// Text for people.
        Text = "text",
        /// One JSON object on each line.
        Json = "json",
    }
}

choices! {
    /// What becomes of records that are too old (`cleanup.policy`).
    pub enum CleanupPolicy {
        /// They are deleted by age and size.
        Delete = "delete",
        /// The last record of each key is kept.
        Compact = "compact",
    }
}

choices! {
    /// How batches are stored (`compression.type`).
    pub enum BrokerCompression {
        /// As the producer sent them.
        Producer = "producer",
        /// Not compressed.
        Uncompressed = "uncompressed",
        /// gzip.
        Gzip = "gzip",
        /// Snappy.
        Snappy = "snappy",
        /// LZ4.
        Lz4 = "lz4",
        /// Zstandard.
        Zstd = "zstd",
    }
}

impl BrokerCompression {
    /// The codec that batches must end up with; `None` keeps the producer's.
    #[must_use]
    pub const fn codec(self) -> Option<CompressionType> {
        match self {
            Self::Producer => None,
            Self::Uncompressed => Some(CompressionType::None),
            Self::Gzip => Some(CompressionType::Gzip),
            Self::Snappy => Some(CompressionType::Snappy),
            Self::Lz4 => Some(CompressionType::Lz4),
            Self::Zstd => Some(CompressionType::Zstd),
        }
    }
}

choices! {
    /// A protocol that members of a group may speak (`group.coordinator.rebalance.protocols`).
    pub enum RebalanceProtocol {
        /// JoinGroup and SyncGroup.
        Classic = "classic",
        /// ConsumerGroupHeartbeat (KIP-848).
        Consumer = "consumer",
        /// ShareGroupHeartbeat (KIP-932). Taken and reported back; there are no such groups yet.
        Share = "share",
        /// StreamsGroupHeartbeat (KIP-1071). Taken and reported back; there are no such groups yet.
        Streams = "streams",
    }
}

choices! {
    /// A way to divide partitions among the members of a group (`group.consumer.assignors`).
    pub enum ConsumerAssignor {
        /// Evenly, moving as few as possible.
        Uniform = "uniform",
        /// The same ranges of each topic.
        Range = "range",
    }
}

choices! {
    /// Which groups may change their protocol (`group.consumer.migration.policy`).
    pub enum ConsumerMigration {
        /// Both ways.
        Bidirectional = "bidirectional",
        /// None.
        Disabled = "disabled",
        /// From classic to consumer.
        Upgrade = "upgrade",
        /// From consumer to classic.
        Downgrade = "downgrade",
    }
}

impl SettingValue for TimestampType {
    fn expected() -> String {
        one_of(&[Self::CreateTime.name(), Self::LogAppendTime.name()])
    }

    fn read(raw: &Raw) -> Result<Self, Option<String>> {
        raw.text().and_then(Self::from_name).ok_or(None)
    }

    fn toml(&self) -> Option<String> {
        Some(quoted(self.name()))
    }

    fn kafka(&self) -> Option<String> {
        Some(self.name().to_owned())
    }
}
