//! A table of text, as people and Markdown have it, and the same in figures.

use serde_json::{Value, json};

use super::figures::NONE;

/// A table that can be printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// `T1`.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What a reader must know, a sentence each.
    pub(crate) notes: Vec<String>,
    /// An object for each row.
    pub(crate) data: Vec<Value>,
    /// Why it has not been measured to its end.
    pub(crate) failure: Option<String>,
}

impl Table {
    /// A row that could not be measured: why stands where others have their remarks.
    pub(crate) fn add_failed(&mut self, name: &str, failure: String) {
        let mut row = vec![NONE.to_owned(); self.columns.len()];
        if let Some(first) = row.first_mut() {
            name.clone_into(first);
        }
        if let Some(last) = row.last_mut() {
            last.clone_from(&failure);
        }
        self.rows.push(row);
        self.data.push(json!({ "name": name, "failure": failure }));
    }

    /// Columns as wide as what they hold; figures to the right.
    pub(crate) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = format!("{} {}\n", self.id, self.title);
        let header = self.headings();
        for row in std::iter::once(&header).chain(&self.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(
                    |(cell, width)| {
                        if is_figure(cell) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                    },
                )
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        for note in self.printed_notes() {
            text.push_str(&format!("  {note}\n"));
        }
        text
    }

    /// A section with a table.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let escaped = |row: &[String]| row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>();
        let header = self.headings();
        let mut text = format!("## {} {}\n\n", self.id, self.title);
        text.push_str(&line(&escaped(&header)));
        text.push_str(&line(&vec!["---".to_owned(); header.len()]));
        for row in &self.rows {
            text.push_str(&line(&escaped(row)));
        }
        for note in self.printed_notes() {
            text.push_str(&format!("\n{note}\n"));
        }
        text
    }

    /// An object.
    pub(crate) fn json(&self) -> Value {
        let Self { id, title, notes, failure, .. } = self;
        json!({ "id": id, "title": title, "notes": notes, "failure": failure, "rows": self.data })
    }

    /// The columns as they are printed: what tables call [`RATIO`] has two forms.
    fn headings(&self) -> Vec<String> {
        let heading = |column: &&str| if *column == RATIO { BOTH_FORMS } else { column }.to_owned();
        self.columns.iter().map(heading).collect()
    }

    /// What failed, the notes, and what the two forms of a ratio mean where there are ratios.
    fn printed_notes(&self) -> impl Iterator<Item = String> {
        let failure =
            self.failure.as_ref().map(|failure| format!("FAILED, not measured to its end: {failure}"));
        let has_ratios = self.columns.contains(&RATIO);
        failure.into_iter().chain(self.notes.iter().cloned()).chain(has_ratios.then(|| FORMS.to_owned()))
    }

    fn widths(&self) -> Vec<usize> {
        let headings = self.headings();
        let width = |place: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count());
            let header = headings.get(place).map_or(0, |heading| heading.chars().count());
            cells.chain([header]).max().unwrap_or_default()
        };
        (0..self.columns.len()).map(width).collect()
    }
}

const RATIO: &str = "ratio [95 %]";
const BOTH_FORMS: &str = "ratio [95 %] or (least to greatest)";
const FORMS: &str = "Ratios: the median of the pairs. 2.05x [1.98, 2.11]: its 95 % interval, exact for whatever distribution. \
                     2.05x (1.98 to 2.11): least and greatest of fewer than six pairs, which have no such interval.";

fn is_figure(cell: &str) -> bool {
    cell.starts_with(|first: char| first.is_ascii_digit()) && !cell.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            id: "T9",
            title: "example",
            columns: vec!["row", "MB/s", "ratio [95 %]"],
            rows: vec![
                vec!["D0 1KiB".to_owned(), "1234".to_owned(), "3.00x [2.90, 3.10]".to_owned()],
                vec!["D1 a|b".to_owned(), "5.00".to_owned(), "-".to_owned()],
            ],
            notes: vec!["Not verified.".to_owned()],
            data: vec![json!({ "name": "D0 1KiB" }), json!({ "name": "D1 a|b" })],
            failure: None,
        }
    }

    #[test]
    fn text_is_aligned() {
        let expected = "\
T9 example
row      MB/s  ratio [95 %] or (least to greatest)
D0 1KiB  1234  3.00x [2.90, 3.10]
D1 a|b   5.00  -
  Not verified.
";
        assert_eq!(table().text(), format!("{expected}  {FORMS}\n"));
    }

    #[test]
    fn markdown_is_a_table() {
        let expected = "\
## T9 example

| row | MB/s | ratio [95 %] or (least to greatest) |
| --- | --- | --- |
| D0 1KiB | 1234 | 3.00x [2.90, 3.10] |
| D1 a\\|b | 5.00 | - |

Not verified.
";
        assert_eq!(table().markdown(), format!("{expected}\n{FORMS}\n"));
    }

    #[test]
    fn tables_without_ratios_do_not_explain_them() {
        let plain = Table { columns: vec!["row", "MB/s"], ..table() };
        assert!(!plain.text().contains(FORMS) && !plain.markdown().contains(FORMS));
    }

    #[test]
    fn what_failed_stands_in_its_row_or_under_the_table_beside_what_was_measured() {
        let mut table = table();
        table.add_failed("D1 late", "peer: gone".to_owned());
        table.failure = Some("disk full".to_owned());
        let (text, json) = (table.text(), table.json());
        assert!(text.contains("D0 1KiB  1234") && text.contains("D1 late  -     peer: gone\n"), "{text}");
        assert!(text.contains("  FAILED, not measured to its end: disk full\n  Not verified.\n"), "{text}");
        assert_eq!(
            (&json["failure"], &json["rows"][2]["failure"]),
            (&json!("disk full"), &json!("peer: gone"))
        );
    }

    #[test]
    fn json_has_an_object_for_each_row() {
        assert_eq!(table().json()["rows"][1]["name"], "D1 a|b");
    }
}
