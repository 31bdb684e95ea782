//! The chain's storage as the supply and the queues of `aidragon-primitives` see it.

use crate::{
	Config, SupplyDirectory, SupplyPages, SupplyPlaces, Waiting, WaitingIndex, WaitingQueues,
};
use aidragon_primitives::{
	supply::{Bucket, Directory, Page, Place, SupplyStore},
	waiting::{Queue, QueueId, QueueIndex, QueueStore, Ticket},
	TaskId, WorkerId,
};
use core::marker::PhantomData;

/// The chain's storage.
pub(crate) struct ChainStore<T>(PhantomData<T>);

impl<T> ChainStore<T> {
	pub(crate) fn new() -> Self {
		Self(PhantomData)
	}
}

impl<T: Config> SupplyStore for ChainStore<T> {
	fn directory(&self) -> Directory {
		SupplyDirectory::<T>::get()
	}

	fn page(&self, bucket: Bucket, number: u32) -> Page {
		SupplyPages::<T>::get((bucket, number))
	}

	fn place(&self, worker: WorkerId) -> Option<Place> {
		SupplyPlaces::<T>::get(worker)
	}

	fn put_directory(&mut self, directory: Directory) {
		SupplyDirectory::<T>::put(directory);
	}

	fn put_page(&mut self, bucket: Bucket, number: u32, page: Page) {
		match page.is_empty() {
			true => SupplyPages::<T>::remove((bucket, number)),
			false => SupplyPages::<T>::insert((bucket, number), page),
		}
	}

	fn put_place(&mut self, worker: WorkerId, place: Option<Place>) {
		SupplyPlaces::<T>::set(worker, place);
	}
}

impl<T: Config> QueueStore for ChainStore<T> {
	fn index(&self) -> QueueIndex {
		WaitingIndex::<T>::get()
	}

	fn queue(&self, queue: QueueId) -> Queue {
		WaitingQueues::<T>::get(queue)
	}

	fn waiting(&self, ticket: Ticket) -> Option<TaskId> {
		Waiting::<T>::get(ticket)
	}

	fn put_index(&mut self, index: QueueIndex) {
		WaitingIndex::<T>::put(index);
	}

	fn put_queue(&mut self, id: QueueId, queue: Queue) {
		match queue.length {
			0 => WaitingQueues::<T>::remove(id),
			_ => WaitingQueues::<T>::insert(id, queue),
		}
	}

	fn put_waiting(&mut self, ticket: Ticket, task: Option<TaskId>) {
		Waiting::<T>::set(ticket, task);
	}
}
