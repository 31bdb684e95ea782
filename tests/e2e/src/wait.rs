//! Waiting for something with a limit and a name.

use anyhow::{bail, Result};
use std::{
	fmt::Display,
	time::{Duration, Instant},
};
use tokio::time::sleep;

/// Pause between two looks. A block takes 3 s, so nothing is missed and little is spent.
const PAUSE: Duration = Duration::from_millis(250);

/// Looks until `look` finds something, and gives it.
///
/// # Errors
/// `look`'s own error at once; after `limit` that `what` did not come about.
pub async fn until<T>(
	what: impl Display,
	limit: Duration,
	mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
	let started = Instant::now();
	loop {
		if let Some(found) = look().await? {
			return Ok(found);
		}
		if started.elapsed() > limit {
			bail!("waited {} s in vain for {what}", limit.as_secs());
		}
		sleep(PAUSE).await;
	}
}

/// Some seconds.
pub const fn seconds(count: u64) -> Duration {
	Duration::from_secs(count)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn what_comes_is_found_and_what_does_not_is_named() {
		let mut looks = 0;
		let found = until("the third look", seconds(5), async || {
			looks += 1;
			Ok((looks == 3).then_some(looks))
		});
		assert_eq!(found.await.unwrap(), 3);
		let never = until("the moon", Duration::ZERO, async || Ok(None::<()>)).await;
		assert_eq!(never.unwrap_err().to_string(), "waited 0 s in vain for the moon");
	}

	#[tokio::test]
	async fn an_error_ends_the_wait_at_once() {
		let failed = until("anything", seconds(60), async || bail!("broken") as Result<Option<()>>);
		assert_eq!(failed.await.unwrap_err().to_string(), "broken");
	}
}
