//! Where the built programs, the task guests and the checkout are.

use anyhow::{ensure, Context, Result};
use std::{
	env,
	path::{Path, PathBuf},
};

/// The root of the checkout that these tests were built from.
pub fn checkout() -> PathBuf {
	let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
	manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// Cargo's target directory, found from where this test lies in it.
pub fn target_dir() -> Result<PathBuf> {
	above_this_test(3)
}

/// A directory beside the target directory, for what is kept between runs and may be deleted at any time.
pub fn cache_dir(name: &str) -> Result<PathBuf> {
	Ok(above_this_test(4)?.join(name))
}

/// One of the workspace's programs.
pub fn program(name: &str) -> Result<PathBuf> {
	let directory = match env::var_os("AIDRAGON_BIN_DIR") {
		Some(directory) => PathBuf::from(directory),
		None => above_this_test(2)?,
	};
	let path = directory.join(name);
	ensure!(
		path.is_file(),
		"{} is missing: run `cargo build --workspace`, or set AIDRAGON_BIN_DIR",
		path.display()
	);
	Ok(path)
}

/// A file of the built examples, such as `digits/task.toml`.
pub fn example(file: &str) -> Result<PathBuf> {
	let directory = match env::var_os("AIDRAGON_EXAMPLES_DIR") {
		Some(directory) => PathBuf::from(directory),
		None => cache_dir("examples")?,
	};
	let path = directory.join(file);
	ensure!(
		path.is_file(),
		"{} is missing: run `scripts/build-examples.sh`, or set AIDRAGON_EXAMPLES_DIR",
		path.display()
	);
	Ok(path)
}

/// Tests lie at `<target>/<profile>/deps/<test>`.
fn above_this_test(levels: usize) -> Result<PathBuf> {
	let test = env::current_exe().context("cannot find out where this test lies")?;
	let directory = test.ancestors().nth(levels);
	Ok(directory.context("this test does not lie in a target directory")?.to_owned())
}
