//! One line of a dump: a kind and its facts, in order.

use serde_json::{Map, Value};

/// One thing found in a log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    depth: usize,
    kind: &'static str,
    facts: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line without facts; `depth` is how far a person sees it indented.
    pub(crate) fn new(depth: usize, kind: &'static str) -> Self {
        Self { depth, kind, facts: Vec::new() }
    }

    /// Adds a text.
    pub(crate) fn text(self, name: &'static str, value: &str) -> Self {
        self.fact(name, value.into())
    }

    /// Adds a number.
    pub(crate) fn number(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fact(name, value.into())
    }

    /// Adds a text if there is one.
    pub(crate) fn maybe(self, name: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn fact(mut self, name: &'static str, value: Value) -> Self {
        self.facts.push((name, value));
        self
    }

    /// `kind name=value …`, texts quoted where they hold spaces or what a terminal would obey.
    pub(crate) fn for_people(&self) -> String {
        let mut text = format!("{:indent$}{}", "", self.kind, indent = self.depth * 2);
        for (name, value) in &self.facts {
            text.push_str(&match value {
                Value::String(plain) if !plain.is_empty() && !plain.contains(needs_quotes) => {
                    format!(" {name}={plain}")
                }
                other => format!(" {name}={other}"),
            });
        }
        text
    }

    /// One JSON object.
    pub(crate) fn for_programs(&self) -> Value {
        let mut object = Map::new();
        object.insert("kind".to_owned(), self.kind.into());
        for (name, value) in &self.facts {
            object.insert((*name).to_owned(), value.clone());
        }
        Value::Object(object)
    }
}

fn needs_quotes(letter: char) -> bool {
    matches!(letter, ' ' | '"' | '=') || letter.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let line = Line::new(1, "block").number("offset", 4096).text("marks", "open").text("note", "a \"b\"");
        assert_eq!(line.for_people(), "  block offset=4096 marks=open note=\"a \\\"b\\\"\"");
        assert_eq!(
            Line::new(0, "entry").text("id", "a\u{1b}[2J\n").for_people(),
            "entry id=\"a\\u001b[2J\\n\""
        );
        let object = line.for_programs().to_string();
        assert_eq!(object, r#"{"kind":"block","marks":"open","note":"a \"b\"","offset":4096}"#);
    }
}
