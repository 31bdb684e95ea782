//! The order in which pairs of rows and columns are multiplied, so that what is loaded serves often.

/// Rows that stay in the processor's cache while all columns pass by.
const BLOCK_ROWS: usize = 32;
/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 4;
/// Columns of a tile.
pub(crate) const TILE_COLUMNS: usize = 4;

/// Multiplies one tile at a time.
pub(crate) trait Tiles {
	/// Bytes that one step reads of a row and of a column. Every size of a challenge is a multiple of it.
	const STEP_BYTES: usize;

	/// The dot products of `R` rows with `C` columns, each of as many bytes as `size` says.
	fn tile<const R: usize, const C: usize>(
		&self,
		size: usize,
		rows: &[i8],
		columns: &[i8],
	) -> [[i32; R]; C];
}

/// All dot products, as [`Kernel::multiply`](crate::Kernel::multiply) describes them.
pub(crate) fn multiply<T: Tiles>(
	tiles: &T,
	size: usize,
	rows: &[i8],
	columns: &[i8],
	sums: &mut [i32],
) {
	let (number_of_rows, number_of_columns) = (rows.len() / size, columns.len() / size);
	assert!(size.is_multiple_of(T::STEP_BYTES), "not a size of a challenge");
	assert!(number_of_rows.is_multiple_of(TILE_ROWS), "not a size of a challenge");
	assert!(sums.len() >= number_of_rows * number_of_columns, "a sum has no place");
	for block in (0..number_of_rows).step_by(BLOCK_ROWS) {
		let rows_of_block = block..(block + BLOCK_ROWS).min(number_of_rows);
		let mut column = 0;
		while column < number_of_columns {
			let width = match number_of_columns - column {
				TILE_COLUMNS.. => TILE_COLUMNS,
				_ => 1,
			};
			let columns = &columns[column * size..(column + width) * size];
			for row in rows_of_block.clone().step_by(TILE_ROWS) {
				let rows = &rows[row * size..(row + TILE_ROWS) * size];
				let mut store = |tile: &[[i32; TILE_ROWS]]| {
					for (offset, products) in tile.iter().enumerate() {
						let at = (column + offset) * number_of_rows + row;
						sums[at..at + TILE_ROWS].copy_from_slice(products);
					}
				};
				match width {
					TILE_COLUMNS => {
						store(&tiles.tile::<TILE_ROWS, TILE_COLUMNS>(size, rows, columns))
					}
					_ => store(&tiles.tile::<TILE_ROWS, 1>(size, rows, columns)),
				}
			}
			column += width;
		}
	}
}
