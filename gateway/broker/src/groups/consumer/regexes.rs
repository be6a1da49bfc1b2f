//! Regular expressions of subscriptions (KIP-848): which are valid, and which topics they match.
//!
//! Kafka reads them as RE2 does, and so is it here: ASCII classes, no look-around, no back-references, matching in linear
//! time, and the whole name has to match. What compiles to more than [`MAX_COMPILED`] is refused. What a few expressions
//! match is remembered until there are other topics, because all members of a group ask for the same.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use regex::bytes::{Regex, RegexBuilder};

use super::ConsumerGroupError;

/// The most bytes that an expression may take when it is compiled.
const MAX_COMPILED: usize = 1 << 20;

/// How many expressions are remembered. When there are more, all are forgotten.
const REMEMBERED: usize = 128;

/// The topics that an expression matches.
pub(super) type Matches = Arc<BTreeSet<Box<str>>>;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Regexes(Mutex<HashMap<Box<str>, Known>>);

#[derive(Clone, Debug)]
struct Known {
    compiled: Arc<Regex>,
    /// What it matches, and the generation of the topics that it was tried on.
    matches: Option<(u64, Matches)>,
}

impl Regexes {
    /// Says what is wrong with an expression.
    pub(super) fn check(&self, regex: &str) -> Result<(), ConsumerGroupError> {
        self.known(regex).map(|_| ())
    }

    /// What an expression matches among the topics of that generation, if that is remembered.
    pub(super) fn remembered(&self, regex: &str, generation: u64) -> Option<Matches> {
        let known = self.0.lock();
        let (tried_on, matches) = known.get(regex)?.matches.as_ref()?;
        (*tried_on == generation).then(|| Arc::clone(matches))
    }

    /// Tries an expression on all topics. Takes a while when there are many.
    pub(super) fn resolve<'a>(
        &self,
        regex: &str,
        generation: u64,
        topics: impl Iterator<Item = &'a str>,
    ) -> Result<Matches, ConsumerGroupError> {
        let compiled = self.known(regex)?.compiled;
        let matching = topics.filter(|topic| compiled.is_match(topic.as_bytes()));
        let matches: Matches = Arc::new(matching.map(Into::into).collect());
        if let Some(known) = self.0.lock().get_mut(regex) {
            known.matches = Some((generation, Arc::clone(&matches)));
        }
        Ok(matches)
    }

    fn known(&self, regex: &str) -> Result<Known, ConsumerGroupError> {
        if let Some(known) = self.0.lock().get(regex) {
            return Ok(known.clone());
        }
        // Not under the lock: it takes a while.
        let known = Known { compiled: Arc::new(compile(regex)?), matches: None };
        let mut all = self.0.lock();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(regex.into(), known.clone());
        Ok(known)
    }
}

fn compile(regex: &str) -> Result<Regex, ConsumerGroupError> {
    let whole = format!(r"\A(?:{})\z", without_quotes(regex));
    let build = |unicode: bool| RegexBuilder::new(&whole).unicode(unicode).size_limit(MAX_COMPILED).build();
    // The parts of an expression are checked as they stand: `a)(b` is none, whatever is put around it.
    let alone = RegexBuilder::new(&without_quotes(regex)).size_limit(MAX_COMPILED).build();
    // Names of scripts and letters beyond ASCII need Unicode, and match no topic.
    alone.and_then(|_| build(false).or_else(|_| build(true))).map_err(|error| {
        let reason = match error {
            regex::Error::CompiledTooBig(limit) => format!("it takes more than {limit} bytes"),
            // The last line says what is wrong, those before show where, in the expression as it is put together here.
            other => {
                other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
        };
        ConsumerGroupError::InvalidRegex { regex: regex.to_owned(), reason }
    })
}

/// Writes out `\Q…\E`, which takes everything in it as it stands. RE2 has it, this library does not.
fn without_quotes(regex: &str) -> String {
    let mut plain = String::with_capacity(regex.len());
    let mut rest = regex;
    while let Some((before, quoted)) = split_at_quote(rest) {
        plain.push_str(before);
        let (text, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
        plain.push_str(&regex::escape(text));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// What comes before `\Q`, and after it. A backslash that is escaped itself begins nothing.
fn split_at_quote(regex: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + regex.get(from..)?.find('\\')?;
        if regex.get(at..)?.starts_with(r"\Q") {
            return Some((regex.get(..at)?, regex.get(at + 2..)?));
        }
        let escaped = regex.get(at + 1..)?.chars().next()?;
        from = at + 1 + escaped.len_utf8();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(regex: &str, topics: &[&str]) -> Vec<String> {
        let found = Regexes::default().resolve(regex, 1, topics.iter().copied()).unwrap();
        found.iter().map(|topic| topic.to_string()).collect()
    }

    #[test]
    fn the_whole_name_has_to_match() {
        assert_eq!(matches("a.*", &["a", "ab", "ba"]), ["a", "ab"]);
        assert_eq!(matches("a|bc", &["a", "ab", "bc"]), ["a", "bc"]);
        assert_eq!(matches("(?i)A", &["a", "b"]), ["a"]);
        assert_eq!(matches(r"t\d+", &["t1", "t", "t12"]), ["t1", "t12"]);
        assert_eq!(matches(r"\p{L}+|\p{Greek}", &["ab", "a1"]), ["ab"]);
        assert_eq!(matches(r"[[:alpha:]]{2}", &["ab", "a1"]), ["ab"]);
        assert_eq!(matches("", &["a"]), [""; 0]);
    }

    #[test]
    fn quotes_are_taken_as_they_stand() {
        assert_eq!(matches(r"\Qa.b\E.*", &["a.b", "a.b-c", "axb"]), ["a.b", "a.b-c"]);
        assert_eq!(matches(r"\Qa.b", &["a.b", "axb"]), ["a.b"]);
        assert_eq!(without_quotes(r"a\\Qb"), r"a\\Qb");
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_refused() {
        let regexes = Regexes::default();
        for bad in ["(", "a)(b", "[a", r"(?=a)", r"(a)\1", "*", r"\", "a{1000}{1000}{10}"] {
            let refusal = regexes.check(bad).unwrap_err();
            assert!(matches!(refusal, ConsumerGroupError::InvalidRegex { .. }), "{bad}");
            assert!(!refusal.to_string().contains(r"\A"), "{refusal}");
        }
    }

    #[test]
    fn what_was_found_is_remembered_for_its_generation() {
        let regexes = Regexes::default();
        regexes.resolve("a.*", 7, ["ab"].into_iter()).unwrap();
        assert!(regexes.remembered("a.*", 7).is_some());
        assert!(regexes.remembered("a.*", 8).is_none());
        for index in 0..REMEMBERED {
            regexes.check(&format!("x{index}")).unwrap();
        }
        assert!(regexes.remembered("a.*", 7).is_none(), "forgotten with the others");
    }
}
