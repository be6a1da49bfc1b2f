//! The format of Java's `.properties` files.
//!
//! As `java.util.Properties.load` reads it: keys end at `=`, `:` or white space; a backslash escapes a character, and at
//! the end of a line joins it with the next one; comments begin with `#` or `!`; a later line wins over an earlier one.

/// One setting of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) key: String,
    pub(super) value: String,
    /// The line it begins on, from 1.
    pub(super) line: usize,
}

/// Every setting, in the order of the file; of a key that is set twice, the later one.
///
/// # Errors
/// The line of a broken `\u` escape; all else is valid.
pub(super) fn parse(text: &str) -> Result<Vec<Property>, usize> {
    let mut properties: Vec<Property> = Vec::new();
    for (line, logical) in logical_lines(text) {
        let (key, value) = split(&logical);
        let unescaped = |text: &str| unescape(text).ok_or(line);
        let property = Property { key: unescaped(key)?, value: unescaped(value)?, line };
        properties.retain(|other| other.key != property.key);
        properties.push(property);
    }
    Ok(properties)
}

/// Lines with their continuations joined, without comments and empty ones.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut logical: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    let natural = text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'));
    for (i, line) in natural.enumerate() {
        let line = line.trim_start_matches([' ', '\t', '\u{c}']);
        if !open && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
        let continues = backslashes % 2 == 1;
        let line = if continues { line.strip_suffix('\\').unwrap_or(line) } else { line };
        match logical.last_mut().filter(|_| open) {
            Some((_, whole)) => whole.push_str(line),
            None => logical.push((i + 1, line.to_owned())),
        }
        open = continues;
    }
    logical
}

/// Key and value, both still escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}');
        escaped = !escaped && *c == '\\';
        ends
    });
    let Some((end, _)) = end else { return (line, "") };
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches([' ', '\t', '\u{c}']);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches([' ', '\t', '\u{c}']))
}

fn unescape(text: &str) -> Option<String> {
    // Java counts in UTF-16: two \u escapes can make one character.
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('u')) => {
                let hex: String = chars.by_ref().take(4).collect();
                units.push(u16::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4)?);
                continue;
            }
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', Some('t')) => '\t',
            ('\\', Some('f')) => '\u{c}',
            ('\\', Some(other)) => other,
            ('\\', None) => break,
            (c, _) => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}
