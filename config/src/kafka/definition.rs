//! What a Kafka setting is: its name, type, default and range, and the sentences with which Kafka refuses a value.

use chronik_types::ErrorCode;
use thiserror::Error;

/// The type of a setting, numbered as in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// Text.
    String = 2,
    /// A 32-bit integer.
    Int = 3,
    /// A 16-bit integer.
    Short = 4,
    /// A 64-bit integer.
    Long = 5,
    /// A floating-point number.
    Double = 6,
    /// Items by comma.
    List = 7,
    /// The name of a Java class.
    Class = 8,
    /// A secret.
    Password = 9,
}

impl ConfigType {
    /// The number on the wire.
    #[must_use]
    pub const fn wire(self) -> i8 {
        self as i8
    }

    /// Kafka's name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// A change that is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// Kafka's code for it.
    pub code: ErrorCode,
    /// Kafka's sentence for it.
    pub message: String,
}

impl Refusal {
    pub(super) fn config(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidConfig, message: message.into() }
    }

    pub(super) fn request(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::InvalidRequest, message: message.into() }
    }

    /// The sentence of Kafka's ConfigException.
    pub(super) fn value(name: &str, value: &str, why: &str) -> Self {
        Self::config(format!("Invalid value {value} for configuration {name}: {why}"))
    }
}

/// Which values of its type a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Validator {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    Ratio,
    /// A level of gzip.
    GzipLevel,
    OneOf(&'static [&'static str]),
    EachOf(&'static [&'static str]),
    /// `*` or `partition:broker` by comma.
    ThrottledReplicas,
}

/// A setting as Kafka defines it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// The name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: ConfigType,
    /// The value when nobody sets one; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// What it does here.
    pub doc: &'static str,
    validator: Validator,
}

macro_rules! constructors {
    ($($name:ident = $kind:ident),+) => {$(
        pub(super) const fn $name(name: &'static str, doc: &'static str) -> Definition {
            Definition { name, kind: ConfigType::$kind, default: None, doc, validator: Validator::Any }
        }
    )+};
}

constructors!(
    boolean = Boolean,
    string = String,
    int = Int,
    short = Short,
    long = Long,
    double = Double,
    list = List,
    class = Class,
    password = Password
);

impl Definition {
    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub(super) const fn at_least(mut self, low: i64) -> Self {
        self.validator = Validator::AtLeast(low);
        self
    }

    pub(super) const fn between(mut self, low: i64, high: i64) -> Self {
        self.validator = Validator::Between(low, high);
        self
    }

    pub(super) const fn ratio(mut self) -> Self {
        self.validator = Validator::Ratio;
        self
    }

    pub(super) const fn gzip_level(mut self) -> Self {
        self.validator = Validator::GzipLevel;
        self
    }

    pub(super) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.validator = Validator::OneOf(words);
        self
    }

    pub(super) const fn each_of(mut self, words: &'static [&'static str]) -> Self {
        self.validator = Validator::EachOf(words);
        self
    }

    pub(super) const fn throttled_replicas(mut self) -> Self {
        self.validator = Validator::ThrottledReplicas;
        self
    }

    /// Whether its value is a secret, which is never shown.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, ConfigType::Password)
    }

    /// Refuses a value of the wrong type or outside of the range.
    ///
    /// # Errors
    /// INVALID_CONFIG with Kafka's sentence.
    pub fn check(&self, value: &str) -> Result<(), Refusal> {
        let text = value.trim();
        match self.kind {
            ConfigType::Boolean
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
            {
                Ok(())
            }
            ConfigType::Boolean => Err(self.refuse(value, "Expected value to be either true or false")),
            ConfigType::Int => self.check_integer(text, i32::MIN.into(), i32::MAX.into()),
            ConfigType::Short => self.check_integer(text, i16::MIN.into(), i16::MAX.into()),
            ConfigType::Long => self.check_integer(text, i64::MIN, i64::MAX),
            ConfigType::Double => self.check_double(text),
            ConfigType::List => self.check_list(text),
            ConfigType::String => match self.validator {
                Validator::OneOf(words) => self.check_word(text, words),
                _ => Ok(()),
            },
            ConfigType::Class | ConfigType::Password => Ok(()),
        }
    }

    fn refuse(&self, value: &str, why: &str) -> Refusal {
        Refusal::value(self.name, value, why)
    }

    fn check_integer(&self, text: &str, min: i64, max: i64) -> Result<(), Refusal> {
        // Java's parser takes a leading plus sign too, as Rust's does.
        let number = text.parse::<i64>().ok().filter(|number| (min..=max).contains(number));
        let Some(number) = number else {
            return Err(self.refuse(text, &format!("Not a number of type {}", self.kind.name())));
        };
        let refuse = |why: String| Err(self.refuse(text, &why));
        match self.validator {
            Validator::AtLeast(low) if number < low => refuse(format!("Value must be at least {low}")),
            Validator::Between(low, _) if number < low => refuse(format!("Value must be at least {low}")),
            Validator::Between(_, high) if number > high => {
                refuse(format!("Value must be no more than {high}"))
            }
            Validator::GzipLevel if number != -1 && !(1..=9).contains(&number) => {
                refuse("Value must be between 1 and 9 or equal to -1".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_double(&self, text: &str) -> Result<(), Refusal> {
        let Some(number) = text.parse::<f64>().ok().filter(|number| !number.is_nan()) else {
            return Err(self.refuse(text, "Not a number of type DOUBLE"));
        };
        match self.validator {
            Validator::Ratio if number < 0.0 => Err(self.refuse(text, "Value must be at least 0")),
            Validator::Ratio if number > 1.0 => Err(self.refuse(text, "Value must be no more than 1")),
            _ => Ok(()),
        }
    }

    fn check_list(&self, text: &str) -> Result<(), Refusal> {
        match self.validator {
            _ if text.is_empty() => Ok(()),
            Validator::EachOf(words) => {
                text.split(',').try_for_each(|item| self.check_word(item.trim(), words))
            }
            Validator::ThrottledReplicas if text != "*" && !text.split(',').all(is_replica) => Err(self
                .refuse(
                    text,
                    &format!(
                        "{} must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                        self.name
                    ),
                )),
            _ => Ok(()),
        }
    }

    fn check_word(&self, word: &str, words: &[&str]) -> Result<(), Refusal> {
        if words.contains(&word) {
            return Ok(());
        }
        Err(self.refuse(word, &format!("String must be one of: {}", words.join(", "))))
    }
}

fn is_replica(item: &str) -> bool {
    item.trim().split_once(':').is_some_and(|(partition, broker)| {
        [partition, broker].iter().all(|number| number.parse::<u32>().is_ok())
    })
}
