//! One file for each table: its rows, how each is measured, and its columns.

mod both;
mod fill;
mod produce;
mod row;
mod sol;
mod t1;
mod t10;
mod t2;
mod t3;
mod t4;
mod t5;
mod t6;
mod t7;

use super::args::{CompareArgs, TableName};
use super::contest::Contest;
use super::table::Table;
use crate::BenchError;

/// Measures the rows of a table that are wanted.
pub(crate) fn measure(table: TableName, contest: &mut Contest<'_>) -> Result<Table, BenchError> {
    match table {
        TableName::T0 => sol::measure(contest),
        TableName::T1 => t1::measure(contest),
        TableName::T2 => t2::measure(contest),
        TableName::T3 => t3::measure(contest),
        TableName::T4 => t4::measure(contest),
        TableName::T5 => t5::measure(contest),
        TableName::T6 => t6::measure(contest),
        TableName::T7 => t7::measure(contest),
        TableName::T10 => t10::measure(contest),
    }
}

/// The names of all rows of the tables that are wanted, a line each.
pub(crate) fn names(args: &CompareArgs) -> String {
    let mut text = String::new();
    for table in &args.table {
        let names = match table {
            TableName::T0 => Vec::new(),
            TableName::T1 => t1::names(args),
            TableName::T2 => t2::names(args),
            TableName::T3 => t3::names(args),
            TableName::T4 => t4::names(args),
            TableName::T5 => t5::names(args),
            TableName::T6 => t6::names(args),
            TableName::T7 => t7::names(args),
            TableName::T10 => t10::names(args),
        };
        for name in names {
            text.push_str(&format!("{table:?}  {name}\n"));
        }
    }
    text
}
