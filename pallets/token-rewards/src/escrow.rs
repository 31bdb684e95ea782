//! Task money: on hold, returned or paid.

use crate::{Config, Event, HoldReason, Pallet};
use aidragon_primitives::{
	interface::{Escrow, EscrowError, Payment},
	payout, Balance,
};
use frame_support::{
	ensure,
	storage::{with_transaction, TransactionOutcome},
	traits::{
		fungible::{InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get,
	},
};
use sp_runtime::DispatchError;

impl<T: Config> Pallet<T> {
	fn move_held(
		from: &T::AccountId,
		to: &T::AccountId,
		amount: Balance,
	) -> Result<(), DispatchError> {
		if amount == 0 {
			return Ok(());
		}
		let reason = HoldReason::TaskEscrow.into();
		T::Currency::transfer_on_hold(
			&reason,
			from,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)
		.map(|_| ())
	}

	/// Checks that at least `amount` is on hold for tasks of `who`.
	fn ensure_held(who: &T::AccountId, amount: Balance) -> Result<(), EscrowError> {
		ensure!(Self::held(who) >= amount, EscrowError::InsufficientEscrow);
		Ok(())
	}

	/// What is on hold for the live tasks of `who`.
	fn held(who: &T::AccountId) -> Balance {
		T::Currency::balance_on_hold(&HoldReason::TaskEscrow.into(), who)
	}

	/// Runs `change` so that it is undone where it fails: money moves wholly or not at all.
	fn atomically(
		change: impl FnOnce() -> Result<(), EscrowError>,
		otherwise: EscrowError,
	) -> Result<(), EscrowError> {
		let mut error = otherwise;
		let outcome: Result<(), DispatchError> = with_transaction(|| match change() {
			Ok(()) => TransactionOutcome::Commit(Ok(())),
			Err(cause) => {
				error = cause;
				TransactionOutcome::Rollback(Err(DispatchError::Unavailable))
			}
		});
		outcome.map_err(|_| error)
	}
}

impl<T: Config> Escrow<T::AccountId> for Pallet<T> {
	fn lock(who: &T::AccountId, amount: Balance) -> Result<(), EscrowError> {
		if amount == 0 {
			return Ok(());
		}
		T::Currency::hold(&HoldReason::TaskEscrow.into(), who, amount)
			.map_err(|_| EscrowError::InsufficientFunds)
	}

	fn unlock(who: &T::AccountId, amount: Balance) -> Result<(), EscrowError> {
		if amount == 0 {
			return Ok(());
		}
		let change = || {
			Self::ensure_held(who, amount)?;
			T::Currency::release(&HoldReason::TaskEscrow.into(), who, amount, Precision::Exact)
				.map_err(|_| EscrowError::InsufficientEscrow)?;
			Ok(())
		};
		Self::atomically(change, EscrowError::InsufficientEscrow)
	}

	fn pay(payment: &Payment<'_, T::AccountId>) -> Result<(), EscrowError> {
		let Payment { task, from, provider, gross, earns_points } = *payment;
		let split = payout::split(gross, T::ProtocolShareParts::get());
		let change = || {
			Self::ensure_held(from, gross)?;
			Self::move_held(from, provider, split.provider)
				.and_then(|()| Self::move_held(from, &T::Treasury::get(), split.protocol))
				.map_err(|_| EscrowError::CannotReceive)
		};
		Self::atomically(change, EscrowError::CannotReceive)?;
		if earns_points {
			Self::add_points(provider, split.protocol);
		}
		Self::deposit_event(Event::Paid {
			task,
			provider: provider.clone(),
			net: split.provider,
			protocol_share: split.protocol,
		});
		Ok(())
	}

	fn locked(who: &T::AccountId) -> Balance {
		Self::held(who)
	}
}
