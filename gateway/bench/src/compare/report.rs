//! The tables of a run, and where they go: each as soon as it is there.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::args::CompareArgs;
use super::machine::Machine;
use super::table::Table;
use crate::BenchError;

/// Prints tables and writes the files that were asked for.
pub(crate) struct Publisher<'a> {
    args: &'a CompareArgs,
    machine: Machine,
    tables: Vec<Table>,
    print: &'a mut dyn FnMut(&str),
}

impl<'a> Publisher<'a> {
    /// Publishes nothing yet.
    pub(crate) fn new(args: &'a CompareArgs, machine: Machine, print: &'a mut dyn FnMut(&str)) -> Self {
        Self { args, machine, tables: Vec::new(), print }
    }

    /// Prints a table, and writes the files anew with it.
    pub(crate) fn add(&mut self, table: Table) -> Result<(), BenchError> {
        if self.args.text || (self.args.markdown.is_none() && self.args.json.is_none()) {
            let head =
                if self.tables.is_empty() { self.machine.lines().join("\n") + "\n" } else { String::new() };
            (self.print)(&format!("{head}\n{}", table.text()));
        }
        self.tables.push(table);
        if let Some(path) = &self.args.markdown {
            write(path, &self.markdown())?;
        }
        if let Some(path) = &self.args.json {
            write(path, &self.json())?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut markdown = String::from("# chronik bench compare\n\n");
        for line in self.machine.lines() {
            markdown.push_str(&format!("- {line}\n"));
        }
        for table in &self.tables {
            markdown.push_str(&format!("\n{}", table.markdown()));
        }
        markdown
    }

    fn json(&self) -> String {
        let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
        let CompareArgs { pairs, seconds, warmup, .. } = self.args;
        let settings = json!({ "pairs": pairs, "seconds": seconds, "warmup": warmup });
        let whole =
            json!({ "schema_version": 1, "machine": self.machine, "settings": settings, "tables": tables });
        format!("{whole:#}\n")
    }
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(|source| BenchError::Output { path: path.to_owned(), source })
}
