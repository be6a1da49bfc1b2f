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

/// The footprint is that of servers that nobody has used, and many partitions stay with the peer: T10 comes before all loads,
/// T5 after them.
const ORDER: [TableName; 9] = [
    TableName::T0,
    TableName::T10,
    TableName::T1,
    TableName::T2,
    TableName::T3,
    TableName::T4,
    TableName::T6,
    TableName::T7,
    TableName::T5,
];

/// Each of the wanted tables once, in the order in which they are measured.
pub(crate) fn in_order(wanted: &[TableName]) -> Vec<TableName> {
    ORDER.into_iter().filter(|table| wanted.contains(table)).collect()
}

/// Measures the rows of a table that are wanted. What fails in a row is told there, and the rows after it are measured; what
/// fails of all of them is told with what has been measured before.
pub(crate) fn measure(name: TableName, contest: &mut Contest<'_>) -> Table {
    let mut table = Table::default();
    match name {
        TableName::T0 => sol::measure(contest, &mut table),
        TableName::T1 => t1::measure(contest, &mut table),
        TableName::T2 => t2::measure(contest, &mut table),
        TableName::T3 => t3::measure(contest, &mut table),
        TableName::T4 => t4::measure(contest, &mut table),
        TableName::T5 => t5::measure(contest, &mut table),
        TableName::T6 => t6::measure(contest, &mut table),
        TableName::T7 => t7::measure(contest, &mut table),
        TableName::T10 => t10::measure(contest, &mut table),
    }
    row::attempt_all(contest, &mut table, |contest, _| contest.everybody());
    table
}

/// The names of all rows of the tables that are wanted, a line each.
pub(crate) fn names(args: &CompareArgs) -> String {
    let lines = |table: TableName| {
        names_of(table, args).into_iter().map(move |name| format!("{}  {name}\n", table.name()))
    };
    in_order(&args.table).into_iter().flat_map(lines).collect()
}

/// How many rows of a table are wanted.
pub(crate) fn wanted_rows(table: TableName, args: &CompareArgs) -> usize {
    names_of(table, args).iter().filter(|name| args.wants(name)).count()
}

fn names_of(table: TableName, args: &CompareArgs) -> Vec<String> {
    match table {
        TableName::T0 => Vec::new(),
        TableName::T1 => t1::names(args),
        TableName::T2 => t2::names(args),
        TableName::T3 => t3::names(args),
        TableName::T4 => t4::names(args),
        TableName::T5 => t5::names(args),
        TableName::T6 => t6::names(args),
        TableName::T7 => t7::names(args),
        TableName::T10 => t10::names(args),
    }
}
