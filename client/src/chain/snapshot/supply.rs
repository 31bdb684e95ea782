//! Reading the supply: the machines that may be given work.

use super::{layout, ChainError, Snapshot};
use aidragon_primitives::{
	supply::{Bucket, Directory, Page, Place, PAGE_MACHINES},
	WorkerId,
};
use codec::Encode;

impl Snapshot {
	/// How many machines each bucket of the supply has.
	pub async fn supply_directory(&self) -> Result<Directory, ChainError> {
		Ok(self.value(&layout::SUPPLY_DIRECTORY, &[]).await?.unwrap_or_default())
	}

	/// Pages of the supply by bucket and number, in the order in which they are asked for.
	pub async fn supply_pages(&self, keys: &[(Bucket, u32)]) -> Result<Vec<Page>, ChainError> {
		let pages: Vec<Option<Page>> = self.many(&layout::SUPPLY_PAGES, keys).await?;
		Ok(pages.into_iter().map(Option::unwrap_or_default).collect())
	}

	/// Where a machine stands in the supply.
	pub async fn supply_place(&self, worker: WorkerId) -> Result<Option<Place>, ChainError> {
		self.value(&layout::SUPPLY_PLACES, &[&worker.encode()]).await
	}

	/// Whether a machine stands in the supply, from which machines are drawn.
	pub async fn is_supplied(&self, worker: WorkerId) -> Result<bool, ChainError> {
		Ok(self.supply_place(worker).await?.is_some())
	}
}

/// The pages of all buckets, in the directory's order.
pub fn all_pages(directory: &Directory) -> impl Iterator<Item = (Bucket, u32)> + '_ {
	directory.buckets().flat_map(|listed| {
		(0..listed.length.div_ceil(PAGE_MACHINES)).map(move |page| (listed.bucket, page))
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_page_of_every_bucket_is_named() {
		let directory = Directory::from_buckets(vec![(3, PAGE_MACHINES), (7, PAGE_MACHINES + 1)]);
		let directory = directory.unwrap();
		assert_eq!(all_pages(&directory).collect::<Vec<_>>(), [(3, 0), (7, 0), (7, 1)]);
		assert_eq!(all_pages(&Directory::default()).count(), 0);
	}
}
