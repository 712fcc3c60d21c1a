// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables: columns without lines, so that they can be read and cut.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Makes a table with headings.
pub(crate) fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = plain();
    table.set_header(headings.map(str::to_uppercase));
    table
}

/// Makes a table without headings.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// Returns how wide the terminal is, where stdout is one.
pub(crate) fn width() -> Option<u16> {
    plain().width()
}

/// Puts the numbers of some columns under each other.
pub(crate) fn align_right(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Writes a table without spaces at the ends of its lines.
pub(crate) fn show(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
