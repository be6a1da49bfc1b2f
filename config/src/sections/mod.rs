//! The sections of the configuration file, one struct and one file each, and the registry of their keys.
//!
//! A section is declared once, with [`section!`]: the same lines make the struct, its defaults, the documentation that
//! `chronik config default` prints, and the [`Key`]s that loading, checking, showing and importing work with. So no two of
//! them can disagree. Rules that span several keys are in [`crate::check`].

mod admin;
mod groups;
mod kafka;
mod limits;
mod log;
mod storage;
mod topics;
mod transactions;

use crate::values::{Raw, SettingValue};

pub use admin::AdminSettings;
pub use groups::GroupSettings;
pub use kafka::KafkaSettings;
pub use limits::LimitSettings;
pub use log::LogSettings;
pub use storage::{MemorySettings, StorageSettings, WalSettings};
pub use topics::TopicSettings;
pub use transactions::TransactionSettings;

/// Everything that can be set. [`Settings::default`] is what `chronik` alone runs with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `[kafka]`
    pub kafka: KafkaSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[storage]`
    pub storage: StorageSettings,
    /// `[topics]`
    pub topics: TopicSettings,
    /// `[limits]`
    pub limits: LimitSettings,
    /// `[groups]`
    pub groups: GroupSettings,
    /// `[transactions]`
    pub transactions: TransactionSettings,
    /// `[log]`
    pub log: LogSettings,
}

/// A table of the file.
pub(crate) struct Section {
    /// Its name with dots, `storage.wal`.
    pub(crate) path: &'static str,
    /// What it is about.
    pub(crate) about: &'static [&'static str],
    /// Its keys, in the order in which they are printed.
    pub(crate) keys: &'static [Key],
}

/// One setting.
pub(crate) struct Key {
    /// The name of its section, `storage.wal`.
    pub(crate) section: &'static str,
    /// The name inside its section, `dir`.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) doc: &'static [&'static str],
    /// What it accepts.
    pub(crate) expected: fn() -> String,
    /// Its value as TOML, `None` when it is optional and not set.
    pub(crate) toml: fn(&Settings) -> Option<String>,
    /// Its value as Kafka writes it.
    pub(crate) kafka: fn(&Settings) -> Option<String>,
    /// Takes a value over; the error says what is wrong with it, beyond what `expected` says.
    pub(crate) apply: fn(&mut Settings, &Raw) -> Result<(), Option<String>>,
    /// The same for a value as Kafka writes it.
    pub(crate) apply_kafka: fn(&mut Settings, &str) -> Result<(), Option<String>>,
}

impl Key {
    /// The full name, `storage.wal.dir`.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Every section, in the order in which they are printed.
pub(crate) const SECTIONS: &[Section] = &[
    kafka::SECTION,
    admin::SECTION,
    storage::SECTION,
    storage::WAL_SECTION,
    storage::MEMORY_SECTION,
    topics::SECTION,
    limits::SECTION,
    groups::SECTION,
    transactions::SECTION,
    log::SECTION,
];

/// Every key of every section.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The key with that full name.
pub(crate) fn key(path: &str) -> Option<&'static Key> {
    let (section, name) = path.rsplit_once('.')?;
    keys().find(|key| key.section == section && key.name == name)
}

/// Refuses a value outside of `low..=high`.
fn within<T: SettingValue + PartialOrd>(value: &T, low: &T, high: &T) -> Result<(), Option<String>> {
    if value < low {
        Err(Some("too small".to_owned()))
    } else if value > high {
        Err(Some("too large".to_owned()))
    } else {
        Ok(())
    }
}

/// What a bounded setting accepts.
fn expected_within<T: SettingValue>(what: &str, low: &T, high: &T) -> String {
    let word = |value: &T| value.toml().unwrap_or_default().replace('"', "");
    // An end of the range that only is the end of its type says nothing to a person.
    let endless = |word: &str| word == "unlimited" || word.contains(&i64::MAX.to_string());
    match (word(low), word(high)) {
        (low, high) if endless(&low) && endless(&high) => what.to_owned(),
        (low, high) if endless(&high) && low.starts_with('0') => what.to_owned(),
        (low, high) if endless(&high) => format!("{what}, at least {low}"),
        (low, high) => format!("{what}, from {low} to {high}"),
    }
}

/// Declares a section: its struct, its defaults and its keys.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident as $section:ident at $($part:ident).+ {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $ty:ty = $default:expr $(, in $low:expr => $high:expr)?;
            )+
        }
        $(with {
            $($(#[doc = $sub_doc:literal])+ $sub:ident: $sub_ty:ty;)+
        })?
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)+
            $($($(#[doc = $sub_doc])+ pub $sub: $sub_ty,)+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ $($($sub: <$sub_ty>::default(),)+)? }
            }
        }

        impl $name {
            const PATH: &'static str = $crate::sections::dotted!($($part).+);

            fn of(settings: &$crate::Settings) -> &Self {
                &settings.$($part).+
            }

            fn of_mut(settings: &mut $crate::Settings) -> &mut Self {
                &mut settings.$($part).+
            }
        }

        #[doc = concat!("The registry's view of [`", stringify!($name), "`].")]
        pub(super) const $section: $crate::sections::Section = $crate::sections::Section {
            path: $name::PATH,
            about: &[$($about),+],
            keys: &[$($crate::sections::Key {
                section: $name::PATH,
                name: stringify!($field),
                doc: &[$($doc),+],
                expected: || {
                    let what = <$ty as $crate::values::SettingValue>::expected();
                    $(let what = $crate::sections::expected_within(&what, &$low, &$high);)?
                    what
                },
                toml: |settings| $crate::values::SettingValue::toml(&$name::of(settings).$field),
                kafka: |settings| $crate::values::SettingValue::kafka(&$name::of(settings).$field),
                apply: |settings, raw| {
                    let value = <$ty as $crate::values::SettingValue>::read(raw)?;
                    $($crate::sections::within(&value, &$low, &$high)?;)?
                    $name::of_mut(settings).$field = value;
                    Ok(())
                },
                apply_kafka: |settings, text| {
                    let value = <$ty as $crate::values::SettingValue>::read_kafka(text)?;
                    $($crate::sections::within(&value, &$low, &$high)?;)?
                    $name::of_mut(settings).$field = value;
                    Ok(())
                },
            }),+],
        };
    };
}

/// `a.b.c` as a string.
macro_rules! dotted {
    ($first:ident $(. $rest:ident)*) => {
        concat!(stringify!($first) $(, ".", stringify!($rest))*)
    };
}

use {dotted, section};
