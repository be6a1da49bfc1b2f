//! All tables of a run, and where they go.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::args::CompareArgs;
use super::machine::Machine;
use super::table::Table;
use crate::BenchError;

/// Prints to the files that were asked for; gives the text for the standard output.
pub(crate) fn publish(args: &CompareArgs, machine: &Machine, tables: &[Table]) -> Result<String, BenchError> {
    let head = machine.lines();
    if let Some(path) = &args.markdown {
        let mut markdown = String::from("# chronik bench compare\n\n");
        for line in &head {
            markdown.push_str(&format!("- {line}\n"));
        }
        for table in tables {
            markdown.push_str(&format!("\n{}", table.markdown()));
        }
        write(path, &markdown)?;
    }
    if let Some(path) = &args.json {
        let tables: Vec<_> = tables.iter().map(Table::json).collect();
        let settings = json!({ "pairs": args.pairs, "seconds": args.seconds, "warmup": args.warmup });
        let whole =
            json!({ "schema_version": 1, "machine": machine, "settings": settings, "tables": tables });
        write(path, &format!("{whole:#}\n"))?;
    }
    if !args.text && (args.markdown.is_some() || args.json.is_some()) {
        return Ok(String::new());
    }
    let mut text = head.join("\n") + "\n";
    for table in tables {
        text.push_str(&format!("\n{}", table.text()));
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(|source| BenchError::Output { path: path.to_owned(), source })
}
