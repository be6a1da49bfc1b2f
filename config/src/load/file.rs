//! The layer of the TOML file.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Layers;
use crate::error::{ConfigError, Origin};
use crate::sections::{SECTIONS, key};
use crate::values::Raw;

/// Reads the whole file into `layers`.
pub(super) fn read(path: &Path, text: &str, layers: &mut Layers) {
    let file = File { path, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What a broken file parses into is a guess; only its syntax is reported.
        layers.errors.extend(errors.iter().map(|error| {
            let start = error.span().map_or(0, |span| span.start);
            ConfigError::new(file.origin(start), "", format!("not TOML: {}", error.message()))
        }));
        return;
    }
    file.table("", table.get_ref(), layers);
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// Line and column of a byte, both from 1; the column counts characters.
    fn origin(&self, byte: usize) -> Origin {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.path.to_owned(), position: Some((line, column)) }
    }

    fn table(&self, prefix: &str, table: &DeTable<'_>, layers: &mut Layers) {
        // By position, so that errors come in the order of the file.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let path = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            self.entry(&path, name.span().start, value, layers);
        }
    }

    fn entry(&self, path: &str, at: usize, value: &Spanned<DeValue<'_>>, layers: &mut Layers) {
        let written = self.text.get(value.span()).unwrap_or_default();
        if let Some(key) = key(path) {
            let origin = self.origin(value.span().start);
            layers.set(key, &raw(value.get_ref()), written, origin);
            return;
        }
        let below = format!("{path}.");
        let is_section = SECTIONS.iter().any(|s| s.path == path || s.path.starts_with(&below));
        match value.get_ref() {
            DeValue::Table(table) if is_section => self.table(path, table, layers),
            _ if is_section => {
                let error =
                    ConfigError::new(self.origin(value.span().start), path, "is a section, not a value");
                layers.errors.push(error.value(written).expected(format!("a table, [{path}]")));
            }
            _ => layers.unknown(path, self.origin(at)),
        }
    }
}

/// The value without its positions.
pub(super) fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("an integer beyond 64 bits"), Raw::Integer),
        DeValue::Float(number) => number.as_str().parse().map_or(Raw::Other("a float"), Raw::Float),
        DeValue::Boolean(value) => Raw::Boolean(*value),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
